"""The pages people look at all day: Streamlit over ``flight_assets.queries``, one file per page, Plotly figures as functions."""
