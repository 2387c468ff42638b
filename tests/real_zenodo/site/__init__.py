"""The InvenioRDM that is run: its settings, what it holds at first, its WSGI application.

These modules run in .venv-real-zenodo, which has InvenioRDM's packages and not the project's.
"""
