"""Who may go through which door. A new route gets a line here; one without is named by tests/integration/test_doors_matrix.py.

Under OWN stand doors behind which something belongs to one person: with ids of somebody else, nothing is there (404) and nothing
changes. Everything else is tried in the same way all the same; the word only says which answer is right.
"""

from __future__ import annotations

OPEN = """
GET /healthz
GET /readyz
GET /setup
POST /setup
POST /login
POST /logout
GET /auth/config
GET /auth/oidc/start
GET /auth/oidc/callback
GET /second-factor
POST /second-factor
GET /project/translations
GET /favicon
GET /logo
POST /set-session-cookie
GET /public/{filename:path}
GET /assets/{filename:path}
"""
"""For everybody, without a login; there is nothing of anybody's in it."""

LINK = """
GET /s/{token}
POST /s/{token}
GET /s/{token}/f/{position}
GET /s/{token}/f/{position}/view
GET /s/{token}/copy
POST /s/{token}/copy
PUT /s/{rest:path}
PATCH /s/{rest:path}
DELETE /s/{rest:path}
GET /join/{token}
POST /join/{token}
GET /reset/{token}
POST /reset/{token}
GET /auth/oauth/{rest:path}
POST /auth/oauth/{rest:path}
GET /auth/oauth/{provider_id}/callback
POST /auth/oauth/azure-ad-hybrid/callback
"""
"""For whoever has the link; what they get is decided there."""

CLOSED = """
GET /docs
GET /docs/oauth2-redirect
GET /redoc
GET /health
POST /auth/jwt
POST /auth/header
GET /copilot/{filename:path}
GET /project/share/{thread_id}
PUT /project/thread/share
PUT /project/element
DELETE /project/element
POST /project/action
POST /mcp
DELETE /mcp
GET /project/file/{file_id}
"""
"""What the chat's framework has and we do not offer: not there, for anybody."""

OWN = """
GET /api/approvals/{approval_id}
POST /api/approvals/{approval_id}
DELETE /api/approvals/rules/{rule_id}
GET /api/artifacts/{artifact_id}
PATCH /api/artifacts/{artifact_id}
DELETE /api/artifacts/{artifact_id}
GET /api/artifacts/{artifact_id}/diff
POST /api/artifacts/{artifact_id}/restore
GET /api/artifacts/{artifact_id}/text
GET /api/artifacts/{artifact_id}/versions
GET /api/artifacts.zip
GET /api/contexts/{context_id}
PATCH /api/contexts/{context_id}
DELETE /api/contexts/{context_id}
POST /api/contexts/{context_id}/accept
GET /api/contexts/{context_id}/diff
POST /api/contexts/{context_id}/restore
GET /api/contexts/{context_id}/versions
GET /api/conversations/{conversation_id}
PATCH /api/conversations/{conversation_id}
DELETE /api/conversations/{conversation_id}
POST /api/conversations/{conversation_id}/seen
POST /api/conversations/changes
PATCH /api/projects/{project_id}
DELETE /api/projects/{project_id}
POST /conversations
GET /api/conversations/{conversation_id}/branches
GET /api/conversations/{conversation_id}/export
GET /api/conversations/{conversation_id}/feedback
GET /api/conversations/{conversation_id}/preferences
PUT /api/conversations/{conversation_id}/preferences
GET /api/conversations/{conversation_id}/shares
POST /api/conversations/{conversation_id}/shares
GET /api/conversations/{conversation_id}/shares/preview
GET /api/conversations/{conversation_id}/workspace.zip
GET /api/memories/{memory_id}
PATCH /api/memories/{memory_id}
DELETE /api/memories/{memory_id}
POST /memories
DELETE /api/keys/{key_id}
POST /api/missions
GET /api/missions/{mission_id}
POST /api/missions/{mission_id}/branch
GET /api/missions/{mission_id}/events
POST /api/missions/{mission_id}/orders
GET /api/missions/{mission_id}/receipts/{step:path}
GET /api/schedules/{schedule_id}
PATCH /api/schedules/{schedule_id}
DELETE /api/schedules/{schedule_id}
POST /api/schedules/{schedule_id}/run
DELETE /api/sessions/{session_id}
GET /api/shares/{share_id}
PATCH /api/shares/{share_id}
DELETE /api/shares/{share_id}
GET /api/shares/{share_id}/preview
GET /artifacts/{artifact_id}
GET /artifacts/{artifact_id}/figure
GET /artifacts/{artifact_id}/frame
GET /artifacts/{artifact_id}/pdf
GET /artifacts/{artifact_id}/picture
GET /contexts/new
GET /contexts/{context_id}
POST /contexts/{context_id}
GET /contexts/{context_id}/compare
PUT /feedback
DELETE /feedback
GET /files/artifact/{file_id}
GET /files/attachment/{file_id}
GET /files/tasks/{mission_id}
GET /files/{file_id}/view
POST /api/files
GET /api/files/{file_id}
PATCH /api/files/{file_id}
DELETE /api/files/{file_id}
POST /files/{file_id}
GET /export
POST /inbox
POST /keys
POST /me
POST /project/file
PUT /project/thread
DELETE /project/thread
GET /project/thread/{thread_id}
GET /project/thread/{thread_id}/element/{element_id}
POST /queued/{mission_id}/{what}
GET /shares/new
POST /steer/{mission_id}
"""
"""One person's; not there for anybody else, whatever their role."""

MINE = """
GET /api/files
GET /files
GET /api/conversations
POST /api/conversations/temporary
GET /conversations
GET /api/projects
POST /api/projects
GET /api/search
GET /search
GET /api/news
GET /api/me/everything.zip
GET /api/me/pages
GET /api/preferences
PUT /api/preferences
GET /preferences
POST /preferences
GET /import
POST /import
POST /api/conversations/import
GET /api/approvals
GET /api/approvals/rules
GET /api/artifacts
GET /api/contexts
POST /api/contexts
GET /api/keys
POST /api/keys
GET /api/keys/this
GET /api/me
POST /api/me/password
GET /api/memories
DELETE /api/memories
GET /memories
GET /api/missions
GET /api/schedules
POST /api/schedules
GET /api/schedules/preview
GET /api/sessions
DELETE /api/sessions
GET /api/shares
GET /api/tools
GET /openapi.json
GET /reference
GET /artifacts
GET /artifacts/plotly.js
GET /contexts
POST /contexts/new
GET /inbox
GET /keys
GET /login/back
GET /me
GET /me/identities
GET /me/second-factor
POST /me/second-factor
GET /schedules
GET /shares
GET /project/settings
POST /project/threads
GET /avatars/{avatar_id:str}
GET /user
POST /auth/oidc/link
POST /auth/oidc/unlink
GET /{full_path:path}
"""
"""What is one's own, or everybody's who is signed in: it holds nothing of anybody else."""

HOUSE = """
GET /api/feedback
GET /feedback
GET /api/audit
GET /audit
GET /api/people
GET /api/people/{user_id}
PATCH /api/people/{user_id}
DELETE /api/people/{user_id}
POST /api/people/{user_id}/reset
DELETE /api/people/{user_id}/sessions
DELETE /api/people/{person_id}/second-factor
POST /api/people/invitations
DELETE /api/people/invitations/{invitation_id}
GET /people
POST /people
GET /people/{user_id}
POST /people/{user_id}
GET /api/service-accounts
POST /api/service-accounts
PATCH /api/service-accounts/{account_id}
POST /api/service-accounts/{account_id}/keys
DELETE /api/service-accounts/{account_id}/keys/{key_id}
GET /api/models
PATCH /api/models
GET /api/models/local
GET /models
POST /models
GET /welcome
POST /welcome
GET /api/credentials
PUT /api/credentials/{name}
POST /api/credentials/{name}/test
DELETE /api/credentials/{name}
"""
"""For the roles that look after the house (api/rights.py says which); nobody's conversations are in it, either."""


def _named(**kinds: str) -> dict[str, str]:
    return {door: kind for kind, listed in kinds.items() for door in listed.split("\n") if door}


DECLARED = _named(open=OPEN, link=LINK, closed=CLOSED, own=OWN, mine=MINE, house=HOUSE)
