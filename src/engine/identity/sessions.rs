//! STS: who a caller is, and credentials for a while. The access key id of issued credentials says which account's they
//! are; which role's, the session that is kept under it.

use super::{
    AccessKey, AssumeRole, AssumedRoleUser, Command, Credentials, Identity, IdentityError, IdentityErrorKind,
    IdentityRecord, Response, StoredSession, date, policies::entity_id,
};
use crate::{
    engine::Cx,
    model::{AccountId, account_of_access_key_id, issue_access_key_id},
};

/// Sessions of an account that are kept; then the one that ends first goes.
const SESSIONS_MAX: usize = 10_000;
const ROLE_SESSION_DEFAULT_S: u64 = 3_600;
const SESSION_TOKEN_DEFAULT_S: u64 = 43_200;
const SECRET_DIGITS: usize = 40;
const TOKEN_DIGITS: usize = 256;

impl Identity {
    pub(super) fn session_request(&mut self, cx: &mut Cx<'_>, command: Command) -> Result<Response, IdentityError> {
        match command {
            Command::GetCallerIdentity(AccessKey { access_key_id }) => self.caller(cx, &access_key_id),
            Command::GetAccessKeyInfo(AccessKey { access_key_id }) => {
                let account = account_of_access_key_id(&access_key_id).or_else(|| AccountId::parse(&access_key_id));
                Ok(Response::AccessKeyInfo { account: account.unwrap_or(AccountId::DEFAULT).to_string() })
            }
            Command::AssumeRole(request) => self.assume_role(cx, request),
            Command::GetSessionToken(request) => {
                let seconds = request.duration_seconds.unwrap_or(SESSION_TOKEN_DEFAULT_S);
                Ok(Response::SessionToken { credentials: issue(cx, seconds) })
            }
            other => {
                let message = format!("this is no request to IAM or STS: {other:?}");
                Err(IdentityError::new(IdentityErrorKind::InvalidInput, message))
            }
        }
    }

    fn caller(&self, cx: &Cx<'_>, access_key_id: &str) -> Result<Response, IdentityError> {
        let account = cx.scope.account.to_string();
        match self.sessions.get(access_key_id) {
            Some(session) if session.expires <= cx.now => Err(IdentityError::new(
                IdentityErrorKind::ExpiredToken,
                "The security token included in the request is expired",
            )),
            Some(session) => {
                Ok(Response::CallerIdentity { user_id: session.user_id.clone(), account, arn: session.arn.clone() })
            }
            None => {
                let arn = format!("arn:aws:iam::{account}:root");
                Ok(Response::CallerIdentity { user_id: account.clone(), account, arn })
            }
        }
    }

    /// The request came to the role's account. Whether the role exists, and trusts the caller, is not asked.
    fn assume_role(&mut self, cx: &mut Cx<'_>, request: AssumeRole) -> Result<Response, IdentityError> {
        let path = request.role_arn.splitn(6, ':').nth(5).and_then(|resource| resource.strip_prefix("role/"));
        let name = path.and_then(|path| path.rsplit('/').next()).filter(|name| !name.is_empty()).ok_or_else(|| {
            IdentityError::new(IdentityErrorKind::Validation, format!("{} is invalid", request.role_arn))
        })?;
        let role = self.roles.get(name);
        let seconds = request.duration_seconds.unwrap_or(ROLE_SESSION_DEFAULT_S);
        let most = role.and_then(|role| u64::try_from(role.max_session_duration_s).ok());
        if most.is_some_and(|most| seconds > most) {
            let message = "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.";
            return Err(IdentityError::new(IdentityErrorKind::Validation, message));
        }
        let role_id = role.map_or_else(|| entity_id(cx, "AROA"), |role| role.id.clone());
        let session_name = request.role_session_name;
        let credentials = issue(cx, seconds);
        let session = StoredSession {
            arn: format!("arn:aws:sts::{}:assumed-role/{name}/{session_name}", cx.scope.account),
            user_id: format!("{role_id}:{session_name}"),
            expires: cx.now.plus_secs(seconds),
        };
        let assumed_role_user = AssumedRoleUser { assumed_role_id: session.user_id.clone(), arn: session.arn.clone() };
        self.make_room(cx);
        cx.record(IdentityRecord::Session {
            access_key_id: credentials.access_key_id.clone(),
            session: Some(Box::new(session.clone())),
        });
        self.sessions.insert(credentials.access_key_id.clone(), session);
        Ok(Response::AssumedRole { credentials, assumed_role_user, source_identity: request.source_identity })
    }

    /// Forgets sessions when there are too many: those that have ended, else the one that ends first.
    fn make_room(&mut self, cx: &mut Cx<'_>) {
        if self.sessions.len() < SESSIONS_MAX {
            return;
        }
        let first = self.sessions.values().map(|session| session.expires).min().unwrap_or_default();
        let ended = |session: &StoredSession| session.expires <= cx.now.max(first);
        let gone: Vec<String> =
            self.sessions.iter().filter(|(_, session)| ended(session)).map(|(id, _)| id.clone()).collect();
        for access_key_id in gone {
            self.sessions.remove(&access_key_id);
            cx.record(IdentityRecord::Session { access_key_id, session: None });
        }
    }
}

fn issue(cx: &mut Cx<'_>, seconds: u64) -> Credentials {
    Credentials {
        access_key_id: issue_access_key_id(cx.scope.account, cx.ids),
        secret_access_key: cx.ids.hex(SECRET_DIGITS),
        session_token: cx.ids.hex(TOKEN_DIGITS),
        expiration: date(cx.now.plus_secs(seconds)),
    }
}
