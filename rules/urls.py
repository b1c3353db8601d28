"""Routes of this app."""

app_name = "rules"
urlpatterns: list = []
