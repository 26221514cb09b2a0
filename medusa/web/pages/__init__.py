"""The panel's pages: each module here with a constant PAGE is one, with its template NAME.html beside it."""
