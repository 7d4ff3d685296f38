# Tells how far the migration with this key got. Called with DATABASE KEY.
mark=shared/backups/$1/.migration-$2
if [ -f "$mark.done" ]; then
  echo 'done'
elif [ -f "$mark.begun" ]; then
  echo begun
fi
