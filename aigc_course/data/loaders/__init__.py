"""One module a data set, holding a function of the same name: ``data.NAME()`` finds it there."""
