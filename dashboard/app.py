"""Entry of the dashboard: `streamlit run dashboard/app.py`, which the platform does as its service ``dashboard``."""

from pathlib import Path

import streamlit as st

# A file of ours: browsers fetch the icon of a `:material/…:` name from a font server elsewhere.
ICON = Path(__file__).parent / "static/flight.svg"

st.set_page_config(page_title="Flight tracking", page_icon=ICON, layout="wide")

PAGES = (
    st.Page("app_pages/overview.py", title="Real-Time Overview", icon=":material/radar:", default=True),
    st.Page("app_pages/streaming.py", title="Streaming Analytics", icon=":material/show_chart:", url_path="streaming"),
    st.Page("app_pages/history.py", title="Historical Analytics", icon=":material/calendar_month:", url_path="history"),
    st.Page("app_pages/prediction.py", title="Prediction & Insights", icon=":material/online_prediction:", url_path="prediction"),
    st.Page("app_pages/quality.py", title="Data Quality & Metadata", icon=":material/fact_check:", url_path="quality"),
    st.Page("app_pages/operations.py", title="Operations & Monitoring", icon=":material/monitor_heart:", url_path="operations"),
)

st.navigation(list(PAGES), position="top").run()
