"""Entry of the dashboard: `streamlit run dashboard/app.py`.

The platform's service ``dashboard`` runs it.
"""

from pathlib import Path

import streamlit as st

# A file of ours: browsers fetch the icon of a `:material/…:` name from a font server elsewhere.
ICON = Path(__file__).parent / "static/flight.svg"


def needs_sign_in() -> bool:
    """Return True if the secrets name an OIDC provider (`[auth]`) and the viewer has not signed in.

    An unreadable secrets file raises its error, so that it does not let everybody in.
    """
    has_secrets = any(Path(path).exists() for path in st.get_option("secrets.files"))
    return has_secrets and "auth" in st.secrets and not st.user.is_logged_in


st.set_page_config(page_title="Flight tracking", page_icon=ICON, layout="wide")

if needs_sign_in():
    st.button("Sign in", type="primary", on_click=st.login)
    st.stop()

PAGES = (
    st.Page("app_pages/overview.py", title="Real-Time Overview", icon=":material/radar:", default=True),
    st.Page(
        "app_pages/streaming.py",
        title="Streaming Analytics",
        icon=":material/show_chart:",
        url_path="streaming",
    ),
    st.Page(
        "app_pages/history.py",
        title="Historical Analytics",
        icon=":material/calendar_month:",
        url_path="history",
    ),
    st.Page(
        "app_pages/prediction.py",
        title="Prediction & Insights",
        icon=":material/online_prediction:",
        url_path="prediction",
    ),
    st.Page(
        "app_pages/quality.py",
        title="Data Quality & Metadata",
        icon=":material/fact_check:",
        url_path="quality",
    ),
    st.Page(
        "app_pages/operations.py",
        title="Operations & Monitoring",
        icon=":material/monitor_heart:",
        url_path="operations",
    ),
)

st.navigation(list(PAGES), position="top").run()
