"""What models were found to be worth: brought by the command line, read on pages."""
