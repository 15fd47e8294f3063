"""Entry of the dashboard: `streamlit run dashboard/app.py`, which the platform does as its service ``dashboard``."""

import streamlit as st

st.set_page_config(page_title="Flight tracking", page_icon=":material/flight:", layout="wide")

PAGES = (
    st.Page("app_pages/overview.py", title="Real-Time Overview", icon=":material/radar:", default=True),
    st.Page("app_pages/history.py", title="Historical Analytics", icon=":material/calendar_month:", url_path="history"),
)

st.navigation(list(PAGES), position="top").run()
