"""Targets."""

import streamlit as st

st.title("Targets", anchor=False)
