"""Dashboard pages: Streamlit over ``flight_assets.queries``, one file per page, Plotly figures."""
