# The layer below every Debian image: run in the root of a tree that mmdebstrap extracted without installing.
# What the packages' maintainer scripts would have done, as far as the images need it.
cp usr/share/base-passwd/passwd.master etc/passwd
cp usr/share/base-passwd/group.master etc/group
[ -L bin/sh ] || ln -s dash bin/sh
[ -L var/run ] || { rm -rf var/run && ln -s /run var/run; }
[ -L etc/os-release ] || ln -s ../usr/lib/os-release etc/os-release
printf 'hosts: files dns\npasswd: files\ngroup: files\n' >etc/nsswitch.conf
rm -f etc/resolv.conf etc/hostname etc/apt/sources.list
