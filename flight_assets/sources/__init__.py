"""Flights from files. One module per layout says how a file is recognised and what its columns mean.

``reading`` opens files, ``layout`` describes a layout, ``convert`` turns its rows into flights, ``spool``
keeps them by day, and ``survey`` reports what a file holds. Nothing here talks to a store; ``producer`` makes
events of the flights.
"""
