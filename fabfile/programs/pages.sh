# shellcheck shell=sh disable=SC2015,SC2086,SC2115,SC2153,SC2154,SC2164
# The hub's pages from a repository, fetched by an init container: the commit that is wanted, else the last copy that was
# kept, else none; /pages/.state.json says which. A commit alone is enough where the server gives one; a server that
# cannot (plain files over HTTP) gives everything.
# Given, as its environment: REPOSITORY, COMMIT, SECONDS_EACH, HANDLERS (a file in it, or "").

fetched() {
  rm -rf r; git init -q r && git -C r remote add origin "$REPOSITORY" || return
  if timeout "$SECONDS_EACH" git -C r fetch -q --depth 1 origin "$COMMIT"
  then git -C r checkout -q FETCH_HEAD
  else
    all='+refs/heads/*:refs/heads/* +refs/tags/*:refs/tags/*'
    (set -f; timeout "$SECONDS_EACH" git -C r fetch -q origin $all) && git -C r checkout -q "$COMMIT"
  fi && [ -d r/templates ] && git -C r rev-parse HEAD >r/commit
}
serve() {
  commit=$(cat "$1/commit") && cp -R "$1/templates/." /pages/ &&
  { [ ! -d "$1/static" ] || cp -R "$1/static/." /static/; } &&
  { [ -z "$HANDLERS" ] || cp "$1/$HANDLERS" /pages/.handlers.py; } &&
  printf %.12s "$commit" >/pages/commit.html
}
state() {
  printf '{"wanted": "%s", "commit": "%s", "from": "%s"}\n' "$COMMIT" "$commit" "$1" >/pages/.state.json
}
kept=/kept/pages
cd /tmp; commit=
if fetched && serve r; then
  state repository
  if [ -d /kept ]; then
    rm -rf $kept.new r/.git && cp -R r $kept.new && rm -rf $kept && mv $kept.new $kept ||
      echo 'no copy could be kept' >&2
  fi
elif [ -d $kept ] && serve $kept; then state kept
else commit=; rm -rf /pages/* /pages/.handlers.py /static/*; state stock
fi
cat /pages/.state.json
exit 0
