"""JupyterHub and what its users' servers run, from the Python package index, npm and Debian, as images.

    wheels.py     what the registries give, as trees of files
    packages.py   the same with Debian's Python, compiled
    images.py     the images that are made of them, under their upstream names
    marimo.py     one more image for users' servers; a lab has it when asked
    former.py     one more image of a hub, from a time before its database was migrated; only a test asks for it

hub.in, user.in, ide.in and former.in say what each image holds; the lock beside each pins it all with checksums:
    uv pip compile --python-version 3.13 --python-platform x86_64-manylinux_2_28 --generate-hashes
        --only-binary :all: --no-emit-index-url --no-header --no-annotate hub.in -o hub.lock
package-lock.json is npm's: npm install --package-lock-only --omit-lockfile-registry-resolved
"""
