"""What readers see of what was published: its addresses (`links`), and a check that it can be opened (`checking`).

Every run needs the addresses; `checking` is imported only where a check was asked for.
"""
