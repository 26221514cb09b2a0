"""The embedded Telegram: a real MTProto server on this machine, for the demo, the tests and the benchmarks."""

from medusa.loopback.accounts import Account
from medusa.loopback.faults import Fault, Faults
from medusa.loopback.network import Network
from medusa.loopback.rpc import RpcFailure
from medusa.loopback.server import Loopback, StoredFile, serve

__all__ = ["Account", "Fault", "Faults", "Loopback", "Network", "RpcFailure", "StoredFile", "serve"]
