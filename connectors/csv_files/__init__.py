"""CSV files as people write them: which columns a flow's file has, and its rows as typed values."""
