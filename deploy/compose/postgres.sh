#!/bin/bash
# Runs once, in an empty cluster: a role and a database of its own for each service.
set -euo pipefail
for service in referral scheduling documentation notifications; do
  password=${service^^}_PASSWORD
  psql --set ON_ERROR_STOP=1 --set name="waypost_$service" --set password="${!password}" <<'SQL'
CREATE ROLE :"name" LOGIN PASSWORD :'password';
ALTER ROLE :"name" SET idle_in_transaction_session_timeout = '5s';
ALTER ROLE :"name" SET lock_timeout = '5s';
ALTER ROLE :"name" SET statement_timeout = '30s';
CREATE DATABASE :"name" OWNER :"name";
REVOKE CONNECT ON DATABASE :"name" FROM PUBLIC;
\connect :name
CREATE EXTENSION btree_gist;
SQL
done
