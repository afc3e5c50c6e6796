-- What whoever banned somebody has said to them: told with each refusal, and to those who can lift the
-- ban. Until now only the log of what moderators did had it.
ALTER TABLE membership ADD COLUMN ban_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE room_member ADD COLUMN ban_reason TEXT NOT NULL DEFAULT '';

UPDATE membership
   SET ban_reason = coalesce(
       (SELECT audit.reason FROM audit
         WHERE audit.club_id = membership.club_id AND audit.user_id = membership.user_id
           AND audit.action = 'member.ban'
         ORDER BY audit.audit_id DESC LIMIT 1), '')
 WHERE status = 'banned';

-- An admin's words are in the log of the instance.
UPDATE room_member
   SET ban_reason = coalesce(
       (SELECT audit.reason FROM audit
         WHERE audit.room_id = room_member.room_id AND audit.user_id = room_member.user_id
           AND audit.club_id IS NULL AND audit.action = 'member.ban'
         ORDER BY audit.audit_id DESC LIMIT 1),
       (SELECT instance_audit.reason FROM instance_audit
         WHERE instance_audit.room_id = room_member.room_id
           AND instance_audit.user_id = room_member.user_id
           AND instance_audit.action = 'member.ban'
         ORDER BY instance_audit.audit_id DESC LIMIT 1), '')
 WHERE banned_at IS NOT NULL;
