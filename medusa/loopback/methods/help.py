"""Tells a client where the server is and what its limits are."""

from typing import Any

from telethon.tl import functions, types

from medusa.loopback.call import Call, Methods
from medusa.loopback.world import CDN_DC, HOME_DC

_LIMITS = {
    "upload_max_fileparts_default": 4000,
    "upload_max_fileparts_premium": 8000,
    "caption_length_limit_default": 1024,
    "caption_length_limit_premium": 2048,
    "reactions_in_chat_max": 3,
    "channels_limit_default": 500,
    "pinned_dialogs_count_default": 5,
    "upload_premium_speedup_upload": 10,
    "upload_premium_speedup_download": 10,
}


def _option(dc_id: int, host: str, port: int) -> Any:
    return types.DcOption(dc_id, host, port, ipv6=":" in host, static=True, this_port_only=True, cdn=dc_id == CDN_DC)


def _get_config(call: Call, _request: Any) -> Any:
    now = int(call.world.clock.now())
    return types.Config(
        date=now,
        expires=now + 3600,
        test_mode=False,
        this_dc=call.world.dc_id,
        dc_options=[_option(dc_id, *centre.address) for dc_id, centre in call.world.centres.items()],
        dc_txt_domain_name="",
        chat_size_max=200,
        megagroup_size_max=200000,
        forwarded_count_max=100,
        online_update_period_ms=210000,
        offline_blur_timeout_ms=5000,
        offline_idle_timeout_ms=30000,
        online_cloud_timeout_ms=300000,
        notify_cloud_delay_ms=30000,
        notify_default_delay_ms=1500,
        push_chat_period_ms=60000,
        push_chat_limit=2,
        edit_time_limit=172800,
        revoke_time_limit=2147483647,
        revoke_pm_time_limit=2147483647,
        rating_e_decay=2419200,
        stickers_recent_limit=200,
        channels_read_media_period=604800,
        call_receive_timeout_ms=20000,
        call_ring_timeout_ms=90000,
        call_connect_timeout_ms=30000,
        call_packet_timeout_ms=10000,
        me_url_prefix="https://t.me/",
        caption_length_max=1024,
        message_length_max=4096,
        webfile_dc_id=HOME_DC,
    )


def _get_app_config(call: Call, _request: Any) -> Any:
    limits = _LIMITS | {"upload_max_fileparts_default": call.world.files.max_parts}
    values = [types.JsonObjectValue(key, types.JsonNumber(float(value))) for key, value in limits.items()]
    if call.account is not None and call.account.user_id in call.world.frozen:
        values += _freeze()
    return types.help.AppConfig(1, types.JsonObject(values))


def _freeze() -> list[Any]:
    """https://core.telegram.org/api/auth#frozen-accounts"""
    numbers = {"freeze_since_date": 1700000000.0, "freeze_until_date": 1900000000.0}
    appeal = types.JsonObjectValue("freeze_appeal_url", types.JsonString("https://t.me/spambot"))
    return [*(types.JsonObjectValue(key, types.JsonNumber(value)) for key, value in numbers.items()), appeal]


def _get_nearest_dc(call: Call, _request: Any) -> Any:
    return types.NearestDc("", call.world.dc_id, HOME_DC)


def _get_cdn_config(call: Call, _request: Any) -> Any:
    pem = call.world.cdn.server_key().public_pem.decode()
    return types.CdnConfig([types.CdnPublicKey(CDN_DC, pem)])


METHODS: Methods = {
    functions.help.GetConfigRequest: _get_config,
    functions.help.GetAppConfigRequest: _get_app_config,
    functions.help.GetNearestDcRequest: _get_nearest_dc,
    functions.help.GetCdnConfigRequest: _get_cdn_config,
}
