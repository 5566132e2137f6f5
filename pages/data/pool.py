"""Pool."""

import streamlit as st

st.title("Pool", anchor=False)
