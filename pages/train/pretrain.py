"""Pre-train."""

import streamlit as st

st.title("Pre-train", anchor=False)
