from benchmarks.peers import project
from benchmarks.peers.project import *  # noqa: F403

INSTALLED_APPS = [*project.INSTALLED_APPS, "benchmarks.peers.authlib_peer"]
ROOT_URLCONF = "benchmarks.peers.authlib_peer.server"
