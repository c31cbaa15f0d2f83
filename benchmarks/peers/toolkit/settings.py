from benchmarks.peers import project
from benchmarks.peers.project import *  # noqa: F403

INSTALLED_APPS = [*project.INSTALLED_APPS, "oauth2_provider"]
ROOT_URLCONF = "benchmarks.peers.toolkit.urls"
OAUTH2_PROVIDER = {"SCOPES": {"ReadAccounts": "Read accounts"}}
