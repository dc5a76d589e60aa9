# shellcheck shell=sh disable=SC2034,SC2154
# What rollback.sh would do, for who is to agree: every revision, the one that it takes, and, as JSON in the last line,
# what becomes of the hub's database. Given besides what release.sh says: wanted.

known=$(revisions)
choose "$wanted"
list
echo "from revision $now_runs to $revision"
echo "$revision"
if [ -s "$work/database.py" ]; then python3 "$work/database.py" "$about" plan "$revision"
else echo '{"restore": false, "text": ""}'
fi
