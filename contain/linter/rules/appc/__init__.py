"""Rules of the families ACI and POD: appc."""
