#!/bin/bash
# Runs once inside a new root, after the packages are installed: everything that does not have to be
# done at each `testbed up`. No process may be left running.
# Environment: POSTGRES (major version), HOST (full host name), GRIDUSER, OTHERUSER.
set -eu

step() { echo "configure: $*"; }

step "users"
for user in "$GRIDUSER" "$OTHERUSER"; do
    useradd --create-home --shell /bin/bash "$user"
done

step "PostgreSQL"
# The package chose the port in the host's network, where another PostgreSQL may use 5432.
pg_conftool "$POSTGRES" main set port 5432
# The data is disposable: do not wait for the disk.
for option in fsync synchronous_commit full_page_writes; do
    pg_conftool "$POSTGRES" main set "$option" off
done
install -d -m 2775 -o postgres -g postgres /run/postgresql
pg_ctlcluster "$POSTGRES" main start

step "OAR database and nodes"
set_oar() {
    sed -i -e "s|^#*\\s*$1=.*|$1=\"$2\"|" /etc/oar/oar.conf
    grep -q "^$1=\"$2\"\$" /etc/oar/oar.conf
}
set_oar DB_BASE_PASSWD "$(openssl rand -hex 12)"
set_oar DB_BASE_PASSWD_RO "$(openssl rand -hex 12)"
set_oar DB_HOSTNAME 127.0.0.1
set_oar SERVER_HOSTNAME localhost
set_oar LOG_LEVEL 3
# The shipped resource managers need cgroup v1 or systemd, which not every host has. Without one, OAR
# works except for cpusets.
sed -i -e 's|^JOB_RESOURCE_MANAGER_PROPERTY_DB_FIELD=|#&|' /etc/oar/oar.conf
oar-database --create --db-is-local

oarproperty -q -a host -c
for property in cpu core mem; do
    oarproperty -q -a "$property"
done
core=0
for node in 1 2 3 4; do
    for slot in 0 1; do
        core=$((core + 1))
        oarnodesetting -a -h "127.0.0.$node" -p "host=node$node" -p "cpu=$node" -p "core=$core" \
            -p "cpuset=$slot" -p mem=4096 >/dev/null
    done
done
scheduler=$(oarnotify -l | sed -n '/^default/,/scheduler/s/.*scheduler = //p')
oarnotify --add-queue "long,1,$scheduler"
pg_ctlcluster "$POSTGRES" main stop

step "test CA, certificates"
# The test CA and host certificate of the package are valid for a month only.
rm -rf /etc/grid-security/certificates/* /etc/grid-security/testCA*
# arcctl derives the CA's name from the configured host name.
printf '[common]\nhostname = %s\n' "$HOST" >/etc/arc.conf
arcctl test-ca init --validity 3650
# arcctl's CA certificate (ARC 6.17 and 7.0) has no key usage, without which Python 3.13 refuses it.
# The same key and name get a certificate that has all that RFC 5280 (4.2.1) requires of a CA.
key=$(echo /etc/grid-security/certificates/ARC-TestCA-*-key.pem)
ca=${key%-key.pem}.pem
name=$(openssl x509 -in "$ca" -noout -subject -nameopt compat | sed -e 's/^subject= *//')
openssl req -x509 -new -sha256 -key "$key" -subj "$name" -days 3650 \
    -addext "keyUsage = critical, keyCertSign, cRLSign" -out "$ca"
arcctl test-ca hostcert --validity 3650
arcctl test-ca usercert --validity 3650 --install-user "$GRIDUSER"
# ARC 7 merges these into arc.conf: a mapping of all test users to nobody.
rm -f /etc/arc.conf.d/*.conf

step "A-REX directories"
install -d -m 755 /var/spool/arc/jobstatus /var/spool/arc/sessiondir
# Without this file the web service generates 4096 bits at its first start, which takes minutes.
(umask 177 && openssl dhparam -dsaparam -out /var/spool/arc/jobstatus/dhparam.pem 2048 2>/dev/null)

step "versions"
version() { dpkg-query -W -f '${Version}' "$1" | sed -e 's/^[0-9]*://' -e 's/[-+~].*//'; }
printf '{"arc": "%s", "oar": "%s", "python": "%s", "postgresql": "%s"}\n' \
    "$(version nordugrid-arc-arex)" "$(version oar-server)" \
    "$(python3 -c 'import platform; print(platform.python_version())')" \
    "$(version "postgresql-$POSTGRES")" >/etc/testbed-versions.json
