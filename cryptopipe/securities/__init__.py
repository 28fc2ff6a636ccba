"""The security master: what each venue lists, by which rules, and since when; every change kept."""
