"""Training of the small classifiers behind screen and guard; needs the extra `setup`."""
