"""Logging in to the embedded Telegram with the real Telethon client: code, two-step password, QR code."""

import asyncio
import base64

import pytest
from telethon import errors
from telethon.tl import functions, types

from medusa.loopback import RpcFailure, serve
from medusa.loopback.methods import qr
from tests.integration.loopback_clients import connected, logged_in, session_for


async def test_a_code_logs_in_and_the_key_stays_good() -> None:
    async with serve() as loopback:
        session = session_for(loopback)
        async with logged_in(loopback, session=session) as client:
            me = await client.get_me()
            assert (me.id, me.first_name, f"+{me.phone}") == (loopback.owner.user_id, "Owner", loopback.owner.phone)
        async with connected(loopback, session=session) as client:
            assert await client.is_user_authorized()
            assert loopback.calls["auth.signIn"] == 1


async def test_wrong_codes_and_unknown_numbers_are_refused() -> None:
    async with serve() as loopback, connected(loopback) as client:
        assert await client.get_me() is None
        with pytest.raises(errors.PhoneNumberInvalidError):
            await client.send_code_request("+9996629999")
        await client.send_code_request(loopback.owner.phone)
        with pytest.raises(errors.PhoneCodeInvalidError):
            await client.sign_in(loopback.owner.phone, "54321")
        with pytest.raises(errors.PhoneCodeExpiredError):
            await client.sign_in(loopback.owner.phone, loopback.owner.code, phone_code_hash="made up")
        with pytest.raises(errors.PhoneNumberInvalidError):
            await client(functions.auth.SignUpRequest("+9996629999", "hash", "New", ""))
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await client(functions.updates.GetStateRequest())


async def test_the_two_step_password_is_checked_without_being_sent() -> None:
    async with serve() as loopback:
        account = loopback.add_account("+9996620002", "Second", code="777", password="correct horse")
        async with connected(loopback) as client:
            await client.send_code_request(account.phone)
            with pytest.raises(errors.SessionPasswordNeededError):
                await client.sign_in(account.phone, "777")
            assert await client.get_me() is None
            with pytest.raises(errors.PasswordHashInvalidError):
                await client.sign_in(password="wrong horse")
            assert (await client.sign_in(password="correct horse")).id == account.user_id


async def test_a_client_sets_and_removes_the_password() -> None:
    async with serve() as loopback, logged_in(loopback) as client:
        await client.edit_2fa(new_password="first", hint="one")
        assert (await client(functions.account.GetPasswordRequest())).hint == "one"
        with pytest.raises(errors.PasswordHashInvalidError):
            await client.edit_2fa(current_password="other", new_password="second")
        await client.edit_2fa(current_password="first", new_password="second")
        await client.edit_2fa(current_password="second")
        assert not (await client(functions.account.GetPasswordRequest())).has_password


async def test_an_answer_to_an_old_challenge_is_refused() -> None:
    async with serve() as loopback, logged_in(loopback) as client:
        loopback.set_password(loopback.owner, "secret")
        answer = types.InputCheckPasswordSRP(1, b"\x01" * 256, b"\x02" * 32)
        with pytest.raises(errors.SrpIdInvalidError):
            await client(functions.account.UpdatePasswordSettingsRequest(answer, types.account.PasswordInputSettings()))


async def test_a_qr_code_is_accepted_by_another_session() -> None:
    async with serve() as loopback, logged_in(loopback) as phone, connected(loopback) as client:
        code = await client.qr_login()
        waiting = asyncio.create_task(code.wait(10))
        await asyncio.sleep(0)
        token = base64.urlsafe_b64decode(code.url.partition("token=")[2] + "==")
        accepted = await phone(functions.auth.AcceptLoginTokenRequest(token))
        assert not accepted.current
        assert (await waiting).id == loopback.owner.user_id
        assert (await client.get_me()).id == loopback.owner.user_id
        with pytest.raises(errors.AuthTokenInvalidError):
            await phone(functions.auth.AcceptLoginTokenRequest(token))
        listed = await phone(functions.account.GetAuthorizationsRequest())
        assert sorted(item.current for item in listed.authorizations) == [False, True]


async def test_a_qr_code_of_an_account_with_a_password_asks_for_it() -> None:
    async with serve() as loopback, connected(loopback) as client:
        loopback.set_password(loopback.owner, "secret")
        code = await client.qr_login()
        waiting = asyncio.create_task(code.wait(10))
        await asyncio.sleep(0)
        loopback.accept_login(code.token)
        with pytest.raises(errors.SessionPasswordNeededError):
            await waiting
        assert (await client.sign_in(password="secret")).id == loopback.owner.user_id


async def test_logging_out_ends_one_session_only() -> None:
    async with serve() as loopback, logged_in(loopback) as one, logged_in(loopback) as two:
        await one.log_out()
        assert await two.is_user_authorized()
        async with logged_in(loopback) as three:
            await three(functions.auth.ResetAuthorizationsRequest())
            with pytest.raises(errors.AuthKeyUnregisteredError):
                await two(functions.updates.GetStateRequest())
            assert await three.is_user_authorized()


async def test_an_authorization_is_carried_to_another_key() -> None:
    async with serve() as loopback, logged_in(loopback) as client, connected(loopback) as other:
        exported = await client(functions.auth.ExportAuthorizationRequest(loopback.dc_id))
        await other(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        assert (await other.get_me()).id == loopback.owner.user_id
        with pytest.raises(errors.AuthBytesInvalidError):
            await other(functions.auth.ImportAuthorizationRequest(exported.id, exported.bytes))
        with pytest.raises(errors.DcIdInvalidError):
            await client(functions.auth.ExportAuthorizationRequest(4))


async def test_one_session_ends_another_by_its_hash() -> None:
    async with serve() as loopback, logged_in(loopback) as one, logged_in(loopback) as two:
        listed = await one(functions.account.GetAuthorizationsRequest())
        other = next(item for item in listed.authorizations if not item.current)
        await one(functions.account.ResetAuthorizationRequest(other.hash))
        with pytest.raises(errors.AuthKeyUnregisteredError):
            await two(functions.updates.GetStateRequest())
        with pytest.raises(errors.HashInvalidError):
            await one(functions.account.ResetAuthorizationRequest(other.hash))


async def test_a_qr_code_runs_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(qr, "TOKEN_LIFE", -1)
    async with serve() as loopback, connected(loopback) as client:
        code = await client.qr_login()
        with pytest.raises(RpcFailure, match="AUTH_TOKEN_EXPIRED"):
            loopback.accept_login(code.token)
