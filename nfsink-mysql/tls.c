/* TLS as --ssl-mode asks for it. The client library logs in without TLS where a server offers none,
 * whatever it is told: it does so by a plugin for authentication, and the one that is asked first
 * is ours, which sends nothing to such a server. Of any other the answer is the plugin that it
 * wants. */
#include <stdio.h>
#include <string.h>

#include <mariadb/mysql/plugin_auth.h>

#include "lib/err.h"
#include "nfsink-mysql/nfsink_mysql.h"

#define GUARD  "goflow_tls"
#define NO_TLS "the server offers no TLS, which --ssl-mode requires"

/* As client_plugin.h has it, which Debian's package lacks a part of. */
#define AUTHENTICATION         2
#define AUTHENTICATION_VERSION 0x0100
struct authentication {
	MYSQL_CLIENT_PLUGIN_HEADER
	int (*authenticate_user)(MYSQL_PLUGIN_VIO *vio, MYSQL *db);
};

static int ask_plugin(MYSQL_PLUGIN_VIO *vio, MYSQL *db)
{
	static const unsigned char nothing[1];
	if (db->server_capabilities & CLIENT_SSL)
		return vio->write_packet(vio, nothing, 0) ? CR_ERROR : CR_OK;
	db->net.last_errno = CR_SSL_CONNECTION_ERROR;
	snprintf(db->net.sqlstate, sizeof db->net.sqlstate, "HY000");
	snprintf(db->net.last_error, sizeof db->net.last_error, NO_TLS);
	return CR_ERROR;
}

int tls_init(void)
{
	static struct authentication guard = {
		.type = AUTHENTICATION,
		.interface_version = AUTHENTICATION_VERSION,
		.name = GUARD,
		.license = "",
		.authenticate_user = ask_plugin,
	};
	MYSQL *db = mysql_init(NULL);
	bool known =
		db && mysql_client_register_plugin(db, (struct st_mysql_client_plugin *)&guard);
	if (db)
		mysql_close(db);
	return known ? 0 : ERR_MEMORY;
}

void tls_options(struct my_conn *c)
{
	const struct my_sink *s = c->s;
	my_bool yes = 1;
	/* a local socket has nobody in between */
	bool local = s->socket || !s->host || strcmp(s->host, "localhost") == 0;
	if (s->ssl_mode == SSL_OFF || (s->ssl_mode == SSL_PREFERRED && local && !s->ssl_ca))
		return;
	mysql_options(c->db, MYSQL_OPT_SSL_ENFORCE, &yes);
	if (s->ssl_ca)
		mysql_options(c->db, MYSQL_OPT_SSL_CA, s->ssl_ca);
	if (s->ssl_cert)
		mysql_options(c->db, MYSQL_OPT_SSL_CERT, s->ssl_cert);
	if (s->ssl_key)
		mysql_options(c->db, MYSQL_OPT_SSL_KEY, s->ssl_key);
	if (s->ssl_mode == SSL_VERIFY)
		mysql_options(c->db, MYSQL_OPT_SSL_VERIFY_SERVER_CERT, &yes);
	if (s->ssl_mode >= SSL_REQUIRED)
		mysql_options(c->db, MYSQL_DEFAULT_AUTH, GUARD);
}

int tls_check(struct my_conn *c)
{
	if (c->s->ssl_mode < SSL_REQUIRED || mysql_get_ssl_cipher(c->db))
		return 0;
	snprintf(c->why, sizeof c->why, "connecting: " NO_TLS);
	return ERR_RETRY;
}
