//! How a club looks on the wire, and what a client sends to make or change one.

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::json::given;
use super::users::UserBody;
use super::words;
use crate::domain::{ClubId, ClubRole, MembershipStatus, Millis};
use crate::store::Club;

/// A club as the caller sees it.
#[derive(Serialize, ToSchema)]
pub(super) struct ClubBody {
    /// Id.
    #[schema(value_type = String, example = "c_1")]
    pub(super) id: ClubId,
    /// Name, unique without case among living clubs.
    pub(super) name: String,
    /// One line of welcome.
    pub(super) greeting: String,
    /// What it is about.
    pub(super) description: String,
    /// `study`, `project` or `community`.
    pub(super) kind: String,
    /// One of the categories.
    pub(super) category: String,
    /// `public` or `private`.
    pub(super) visibility: String,
    /// `open`, `request`, `form`, `quiz` or `invite`.
    pub(super) join_policy: String,
    /// Most active members; null is no limit of its own.
    pub(super) capacity: Option<i64>,
    /// Who owns it.
    pub(super) owner: UserBody,
    /// Active members.
    pub(super) member_count: i64,
    /// Whether its members see who has read a message.
    pub(super) seen_by: bool,
    /// When it was made (UTC ms).
    #[schema(value_type = i64)]
    pub(super) created_at: Millis,
    /// What the caller is to it; null for who never was anything.
    pub(super) my: Option<MyBody>,
}

/// What the caller is to a club.
#[derive(Serialize, ToSchema)]
pub(super) struct MyBody {
    /// `owner`, `manager` or `member`.
    #[schema(value_type = String, example = "member")]
    pub(super) role: ClubRole,
    /// `active`, `left`, `kicked` or `banned`.
    #[schema(value_type = String, example = "active")]
    pub(super) status: MembershipStatus,
}

impl From<Club> for ClubBody {
    fn from(club: Club) -> Self {
        Self {
            id: club.id,
            name: club.name,
            greeting: club.greeting,
            description: club.description,
            kind: club.kind,
            category: club.category,
            visibility: club.visibility,
            join_policy: club.join_policy,
            capacity: club.capacity,
            owner: club.owner.into(),
            member_count: club.member_count,
            seen_by: club.seen_by,
            created_at: club.created_at,
            my: club.my.map(|my| MyBody { role: my.role, status: my.status }),
        }
    }
}

/// A club to make.
#[derive(Deserialize, ToSchema)]
pub(super) struct NewClubBody {
    /// 2–40 characters.
    #[serde(default)]
    #[schema(required = true, min_length = 2, max_length = 40)]
    pub(super) name: String,
    /// At most 100 characters.
    #[schema(max_length = 100)]
    pub(super) greeting: Option<String>,
    /// At most 1,000 characters.
    #[schema(max_length = 1000)]
    pub(super) description: Option<String>,
    /// `study`, `project` or `community` (default).
    #[schema(schema_with = words::club_kind_or_null, required = false)]
    pub(super) kind: Option<String>,
    /// One of the categories; `other` by default.
    #[schema(schema_with = words::category_or_null, required = false)]
    pub(super) category: Option<String>,
    /// `public` (default) or `private`.
    #[schema(schema_with = words::visibility_or_null, required = false)]
    pub(super) visibility: Option<String>,
    /// `open` (default), `request`, `form`, `quiz` or `invite`.
    #[schema(schema_with = words::join_policy_or_null, required = false)]
    pub(super) join_policy: Option<String>,
    /// Most active members.
    #[schema(minimum = 2, maximum = 100_000)]
    pub(super) capacity: Option<i64>,
}

/// A change to a club: what is absent stays, null clears.
#[derive(Deserialize, ToSchema)]
pub(super) struct ClubPatchBody {
    /// 2–40 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = String, required = false, min_length = 2, max_length = 40)]
    pub(super) name: Option<Option<String>>,
    /// At most 100 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 100)]
    pub(super) greeting: Option<Option<String>>,
    /// At most 1,000 characters.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<String>, max_length = 1000)]
    pub(super) description: Option<Option<String>>,
    /// One of the categories.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = words::category_or_null, required = false)]
    pub(super) category: Option<Option<String>>,
    /// `public` or `private`.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = words::visibility, required = false)]
    pub(super) visibility: Option<Option<String>>,
    /// `open`, `request`, `form`, `quiz` or `invite`.
    #[serde(default, deserialize_with = "given")]
    #[schema(schema_with = words::join_policy, required = false)]
    pub(super) join_policy: Option<Option<String>>,
    /// Most active members.
    #[serde(default, deserialize_with = "given")]
    #[schema(value_type = Option<i64>, minimum = 2, maximum = 100_000)]
    pub(super) capacity: Option<Option<i64>>,
    /// Whether members see who has read a message.
    pub(super) seen_by: Option<bool>,
}
