"""Evaluate."""

import streamlit as st

st.title("Evaluate", anchor=False)
