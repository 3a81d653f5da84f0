"""One module per page: parse, authorise, call one service, render."""
