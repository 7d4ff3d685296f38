# A migration, called with DATABASE KEY in the environment's directory. What was done is not done again.
set -u
marks=shared/backups/$1
mark=$marks/.migration-$2
[ ! -f "$mark.done" ] || exit 0
(umask 077 && mkdir -p "$marks") || exit 1
# On the disk before it starts: when the power goes, the machine still knows that it was begun.
echo begun | dd of="$mark.begun" conv=fsync 2>/dev/null || exit 1
find "$marks" -name '.migration-*' -mtime +30 -exec rm -f {} +
