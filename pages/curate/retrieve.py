"""Retrieve."""

import streamlit as st

st.title("Retrieve", anchor=False)
