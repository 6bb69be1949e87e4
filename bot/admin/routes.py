"""The dashboard's addresses, below its prefix; each view says beside itself who may use it."""

from __future__ import annotations

from aiohttp import web

from bot.admin.account import second_factor_views as second_factor
from bot.admin.account import views as account
from bot.admin.alerts import views as alert_views
from bot.admin.audit import views as audit_log
from bot.admin.bot_settings import (
    comparing,
    draft_acts,
    editing,
    history,
    publishing,
    scope_list,
)
from bot.admin.bot_settings.sandbox import views as sandbox
from bot.admin.charts import views as charts
from bot.admin.datasets import item_views as dataset_items
from bot.admin.datasets import opt_out_views as opt_outs
from bot.admin.datasets import views as datasets
from bot.admin.dead_letters import views as dead_letters
from bot.admin.evaluations import views as evaluations
from bot.admin.exports import download_views as export_download
from bot.admin.exports import views as exports
from bot.admin.live import views as live
from bot.admin.login import views as login
from bot.admin.login.access import public
from bot.admin.login.sessions import PREFIX
from bot.admin.oidc import views as provider
from bot.admin.people import export_view as person_file
from bot.admin.people import list_views as people_lists
from bot.admin.people import views as people
from bot.admin.reading import conversation_views as reading
from bot.admin.reading import picture_views, turn_views
from bot.admin.replay import compare_views, export_views, order_views
from bot.admin.replay import views as replays
from bot.admin.retention import views as retention
from bot.admin.reviews import adjudication_views as adjudication
from bot.admin.reviews import agreement_views as agreement
from bot.admin.reviews import judging_views as judging
from bot.admin.reviews import queue_views as review_queues
from bot.admin.search import saved_views
from bot.admin.search import views as search_views
from bot.admin.turns import views
from bot.admin.unmasking import views as unmasking
from bot.admin.users import views as users
from bot.admin.web import pages
from bot.admin.workers import views as workers_page


@public
async def _to_first_page(_request: web.Request) -> web.StreamResponse:
    """GET /admin: redirect to the one address of the first page."""
    raise web.HTTPPermanentRedirect(PREFIX)


ROUTES = [
    web.get("", _to_first_page),
    web.get("/", views.show_turns, name="turns"),
    web.post("/conversations/{id}/unmask", unmasking.unmask, name="unmask"),
    web.post("/conversations/{id}/mask", unmasking.mask_again, name="mask_again"),
    web.get("/conversations/{id}", reading.show_conversation, name="conversation"),
    web.get("/people/{key}", reading.show_person, name="person"),
    web.get("/rooms/{key}", reading.show_room, name="room"),
    web.get("/turns/{id}", turn_views.show_turn, name="turn"),
    web.get("/turns/{id}/prompt", turn_views.show_prompt, name="prompt"),
    web.get("/turns/{id}/texts/{name}", turn_views.show_text, name="text"),
    web.get("/turns/{id}/request", turn_views.show_request, name="request"),
    web.get("/turns/{id}/pictures/{number}", picture_views.show_picture, name="picture"),
    web.get("/search/suggestions", search_views.show_suggestions, name="suggestions"),
    web.post("/searches", saved_views.save_search, name="save_search"),
    web.post("/searches/{id}/delete", saved_views.delete_search, name="delete_search"),
    web.post("/turns/{id}/send-again", views.send_again, name="send_again"),
    web.get("/reviews", review_queues.show_queues, name="review_queues"),
    web.post("/reviews", review_queues.create_queue),
    web.get("/reviews/new", review_queues.show_new, name="review_new"),
    web.get("/agreement", agreement.show_agreement, name="review_agreement"),
    web.get("/reviews/queues/{id}", review_queues.show_queue, name="review_queue"),
    web.post("/reviews/queues/{id}/next", review_queues.go_on, name="review_next"),
    web.post("/reviews/queues/{id}/state", review_queues.change_state, name="review_state"),
    web.post("/reviews/queues/{id}/delete", review_queues.delete_queue, name="review_delete"),
    web.get("/reviews/turns/{id}", judging.show_turn, name="review"),
    web.post("/reviews/turns/{id}", judging.judge),
    web.post("/reviews/turns/{id}/verdict", adjudication.decide, name="review_verdict"),
    web.get("/login", login.show_login, name="login"),
    web.post("/login", login.log_in),
    web.get("/login/code", login.show_code, name="login_code"),
    web.post("/login/code", login.check_code),
    web.get("/login/oidc", provider.begin, name="login_oidc"),
    web.get("/login/oidc/callback", provider.come_back),
    web.post("/logout", login.log_out, name="logout"),
    web.get("/account", account.show_account, name="account"),
    web.post("/account/password", account.change_password, name="account_password"),
    web.post("/account/language", account.change_language, name="account_language"),
    web.get("/account/second-factor", second_factor.show_secret, name="second_factor"),
    web.post("/account/second-factor", second_factor.begin),
    web.post("/account/second-factor/confirm", second_factor.confirm, name="second_factor_confirm"),
    web.post("/account/second-factor/off", second_factor.switch_off, name="second_factor_off"),
    web.post("/account/recovery-codes", second_factor.make_recovery_codes, name="recovery_codes"),
    web.get("/users", users.show_users, name="users"),
    web.post("/users", users.add_user),
    web.get("/users/{id}", users.show_user, name="user"),
    web.post("/users/{id}/role", users.change_role, name="user_role"),
    web.post("/users/{id}/state", users.change_state, name="user_state"),
    web.post("/users/{id}/password", users.set_password, name="user_password"),
    web.post("/users/{id}/second-factor", users.reset_second_factor, name="user_second_factor"),
    web.get("/audit", audit_log.show_log, name="audit"),
    web.get("/audit/report", audit_log.show_report, name="audit_report"),
    web.get("/people/{key}/rights", people.show_actions, name="person_rights"),
    web.post("/people/{key}/block", people.block, name="person_block"),
    web.post("/people/{key}/unblock", people.unblock, name="person_unblock"),
    web.post("/people/{key}/erase", people.erase, name="person_erase"),
    web.post("/people/{key}/download", person_file.download, name="person_download"),
    web.get("/blocked", people_lists.show_blocked, name="blocked"),
    web.post("/blocked/unblock", people_lists.unblock, name="unblock"),
    web.get("/erasures", people_lists.show_erasures, name="erasures"),
    web.get("/erasures/{id}", people_lists.show_receipt, name="receipt"),
    web.get("/retention", retention.show_retention, name="retention"),
    web.post("/retention", retention.set_rule),
    web.post("/retention/delete", retention.delete_rule, name="retention_delete"),
    web.get("/charts", charts.show_charts, name="charts"),
    web.get("/charts/{name}", charts.show_chart, name="chart"),
    web.get("/alerts", alert_views.show_alerts, name="alerts"),
    web.post("/alerts/{name}/acknowledge", alert_views.acknowledge, name="alert_acknowledge"),
    web.post("/alerts/{name}/silence", alert_views.silence, name="alert_silence"),
    web.get("/live", live.show_live, name="live"),
    web.get("/live/events", live.stream_events, name="live_events"),
    web.get("/workers", workers_page.show_workers, name="workers"),
    web.get("/dead-letters", dead_letters.show_dead_letters, name="dead_letters"),
    web.post("/dead-letters/send-again", dead_letters.send_all_again, name="dead_letters_send"),
    web.post("/dead-letters/orders/{id}/stop", dead_letters.stop_order, name="dead_letters_stop"),
    web.get("/exports", exports.show_exports, name="exports"),
    web.post("/exports", exports.order_export, name="order_export"),
    web.get("/exports/{id}", exports.show_export, name="export"),
    web.post("/exports/{id}/download", export_download.download, name="export_download"),
    web.post("/exports/{id}/cancel", exports.cancel, name="export_cancel"),
    web.get("/datasets", datasets.show_datasets, name="datasets"),
    web.post("/datasets", datasets.make_dataset),
    web.get("/datasets/{id}", datasets.show_dataset, name="dataset"),
    web.get("/datasets/{id}/items", dataset_items.show_items, name="dataset_items"),
    web.post("/datasets/{id}/again", datasets.build_again, name="dataset_again"),
    web.post("/datasets/{id}/export", dataset_items.export_dataset, name="dataset_export"),
    web.post("/datasets/{id}/end-check", datasets.end_check, name="dataset_end_check"),
    web.post("/datasets/{id}/delete", datasets.delete_dataset, name="dataset_delete"),
    web.get("/evaluations", evaluations.show_evaluations, name="evaluations"),
    web.get("/evaluations/{id}", evaluations.show_evaluation, name="evaluation"),
    web.get("/evaluations/{id}/pairs", evaluations.show_pairs, name="evaluation_pairs"),
    web.post("/evaluations/{id}/delete", evaluations.delete_evaluation, name="evaluation_delete"),
    web.get("/opt-outs", opt_outs.show_opt_outs, name="opt_outs"),
    web.post("/opt-outs", opt_outs.record_opt_out),
    web.post("/opt-outs/{id}/revoke", opt_outs.revoke_opt_out, name="opt_out_revoke"),
    web.get("/replays", replays.show_replays, name="replays"),
    web.post("/replays", order_views.order),
    web.get("/replays/new", order_views.show_new, name="replay_new"),
    web.get("/replays/{id}", replays.show_replay, name="replay"),
    web.post("/replays/{id}/stop", replays.stop, name="replay_stop"),
    web.post("/replays/{id}/resume", replays.resume, name="replay_resume"),
    web.get("/replays/{id}/compare", compare_views.show_pair, name="replay_compare"),
    web.post("/replays/{id}/compare", compare_views.vote),
    web.post("/replays/{id}/reveal", compare_views.reveal, name="replay_reveal"),
    web.get("/replays/{id}/export", export_views.export, name="replay_export"),
    web.get("/bot-settings", scope_list.show_scopes, name="bot_settings"),
    web.get("/bot-settings/scope", editing.show_scope, name="bot_settings_scope"),
    web.get("/bot-settings/compare", comparing.show_comparison, name="bot_settings_compare"),
    web.get("/bot-settings/history", history.show_history, name="bot_settings_history"),
    web.post("/bot-settings/draft", editing.save_draft, name="bot_settings_draft"),
    web.post("/bot-settings/draft/discard", draft_acts.discard_draft, name="bot_settings_discard"),
    web.post("/bot-settings/draft/move", draft_acts.move_draft, name="bot_settings_move"),
    web.get("/bot-settings/sandbox", sandbox.show_sandbox, name="bot_settings_sandbox"),
    web.post("/bot-settings/sandbox", sandbox.ask, name="bot_settings_ask"),
    web.post("/bot-settings/sandbox/clear", sandbox.clear, name="bot_settings_clear"),
    web.post("/bot-settings/publish", publishing.publish_draft, name="bot_settings_publish"),
    web.post("/bot-settings/restore", publishing.restore_version, name="bot_settings_restore"),
    web.get("/static/{name}", pages.static_file, name="static"),
]
