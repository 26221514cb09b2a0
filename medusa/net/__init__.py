"""Sole opener of outbound HTTP: the guard against private networks, the web client and the proxy of children."""

from medusa.net.egress import Egress, Lease, open_egress
from medusa.net.guard import Guard, Reason, Refused, is_public
from medusa.net.web import Answer, Web, open_web

__all__ = ["Answer", "Egress", "Guard", "Lease", "Reason", "Refused", "Web", "is_public", "open_egress", "open_web"]
