"""The English twins of the dashboard's Korean sentences, by pages."""
