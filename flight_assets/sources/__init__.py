"""Real flights from files: one module per layout tells how a file is known and what its columns mean; the rest is shared.

``reading`` opens files, ``layout`` describes a layout, ``convert`` turns its rows into flights, ``spool``
keeps them by day, and ``survey`` reports what a file holds. Nothing here talks to a store; ``producer`` makes
events of the flights.
"""
