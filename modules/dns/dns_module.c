/* The DNS interface: its settings and what it needs. Read life.c for how it starts, parse.c for how a packet is read, lookup.c for
 * what is asked of whom, template.c and answer.c for how answers are made. */
#include "dns/dns.h"

CO_SCHEMA(soa_schema, struct dns_soa_settings, "DNSSOA",
          CO_FIELD(0, struct dns_soa_settings, refresh, "Refresh", 0, .fallback = "3600",
                   .doc = "Seconds until a secondary asks again."),
          CO_FIELD(0, struct dns_soa_settings, retry, "Retry", 0, .fallback = "600",
                   .doc = "Seconds until it tries again after a failure."),
          CO_FIELD(0, struct dns_soa_settings, expire, "Expire", 0, .fallback = "86400",
                   .doc = "Seconds until it gives up."),
          CO_FIELD(0, struct dns_soa_settings, min_ttl, "MinTTL", 0, .config = "min_ttl", .fallback = "0",
                   .doc = "Seconds for which a negative answer may be kept."));

CO_SCHEMA(
    config_schema, struct dns_config, "DNSConfig",
    CO_FIELD(0, struct dns_config, allow_stale, "AllowStale", 0, .fallback = "true",
             .doc = "Any server answers from its own state, without asking the leader."),
    CO_FIELD(0, struct dns_config, max_stale, "MaxStale", 0, .fallback = "87600h",
             .doc = "With allow_stale: how long ago the leader may have been heard."),
    CO_FIELD(0, struct dns_config, only_passing, "OnlyPassing", 0, .fallback = "false",
             .doc = "Leaves out instances with a warning, too."),
    CO_FIELD(0, struct dns_config, node_ttl, "NodeTTL", 0, .config = "node_ttl", .fallback = "0s",
             .doc = "TTL of nodes."),
    CO_FIELD(0, struct dns_config, service_ttl, "ServiceTTL", 0, .config = "service_ttl",
             .doc = "TTL by service; a final star stands for any ending: { \"web\" = \"10s\", \"*\" = \"5s\" }."),
    CO_FIELD(
        0, struct dns_config, udp_answer_limit, "UDPAnswerLimit", 0, .config = "udp_answer_limit", .fallback = "3",
        .doc = "Most A, AAAA or SRV records in an answer to a client that takes 512 bytes over UDP; 0: what fits."),
    CO_FIELD(0, struct dns_config, a_record_limit, "ARecordLimit", 0, .config = "a_record_limit", .fallback = "0",
             .doc = "Most A or AAAA records in any answer; 0: no limit."),
    CO_FIELD(0, struct dns_config, enable_truncate, "EnableTruncate", 0, .fallback = "false",
             .doc = "Sets TC when records were left out of a UDP answer, so that clients ask again over TCP."),
    CO_FIELD(0, struct dns_config, disable_compression, "DisableCompression", 0, .fallback = "false",
             .doc = "Writes every name in full."),
    CO_FIELD(0, struct dns_config, enable_additional_node_meta_txt, "EnableAdditionalNodeMetaTXT", 0,
             .config = "enable_additional_node_meta_txt", .fallback = "true",
             .doc = "Adds the node's metadata as TXT records to the additional section."),
    CO_RECORD(0, struct dns_config, soa, "SOA", 0, &soa_schema, .config = "soa", .doc = "Numbers of the SOA record."));

CO_SCHEMA(
    dns_settings_schema, struct dns_settings, "DNS",
    CO_FIELD(0, struct dns_settings, domain, "Domain", CO_AGENT_KEY, .fallback = "consul.",
             .doc = "The domain that is answered for."),
    CO_FIELD(0, struct dns_settings, alt_domain, "AltDomain", CO_AGENT_KEY, .doc = "A second domain, answered alike."),
    CO_RECORD(0, struct dns_settings, config, "DNSConfig", CO_AGENT_KEY, &config_schema, .config = "dns_config",
              .doc = "Consul's dns_config block."),
    CO_FIELD(0, struct dns_settings, udp_size_max, "UDPSizeMax", 0, .config = "udp_size_max", .fallback = "4096",
             .doc = "Longest UDP answer in bytes, also to clients that announce more."),
    CO_FIELD(0, struct dns_settings, udp_receive_buffer, "UDPReceiveBuffer", 0, .config = "udp_receive_buffer",
             .fallback = "4MiB", .doc = "Room for questions that wait; the system may allow less (net.core.rmem_max)."),
    CO_FIELD(0, struct dns_settings, tcp_connections_max, "TCPConnectionsMax", 0, .config = "tcp_connections_max",
             .fallback = "256", .doc = "Open TCP connections."),
    CO_FIELD(0, struct dns_settings, tcp_connections_per_client, "TCPConnectionsPerClient", 0,
             .config = "tcp_connections_per_client", .fallback = "64", .doc = "Of these, from one address."),
    CO_FIELD(
        0, struct dns_settings, tcp_idle_timeout, "TCPIdleTimeout", 0, .config = "tcp_idle_timeout", .fallback = "10s",
        .doc =
            "A TCP connection without a whole question, or on which an answer is not taken, for so long is closed."));

static const struct co_offer offers[] = {{CO_OFFER_END, NULL, NULL, 0}};

static const char *const needs[] = {"storage", "consensus", NULL};

const struct co_module CO_MODULE_SYMBOL(dns) = {
    .abi = CO_MODULE_ABI,
    .size = sizeof(struct co_module),
    .name = "dns",
    .summary = "DNS server: the zones of all modules on port 8600, UDP and TCP",
    .needs = needs,
    .config = &dns_settings_schema,
    .state_size = sizeof(struct dns),
    .offers = offers,
    .init = dns_init,
    .start = dns_start,
    .reload = dns_reload,
    .stop = dns_stop,
    .fini = dns_fini,
};
