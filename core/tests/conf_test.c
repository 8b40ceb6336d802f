/* Configuration: order of sources, what is bound where, and the list of everything that is wrong with it. */
#include "core/agent_private.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cmocka.h>

/* fx_good's, as fixtures/fx_good.c declares it. */
struct fx_nested {
    const char *title;
    int64_t size;
};
struct fx_config {
    struct co_size map_size;
    const char *fail_at;
    struct co_strings words, recursors;
    struct fx_nested http_config;
    bool holds_stop;
};

#define ONLY_FX "modules { standard = false fx_good {} }\n"

struct world {
    char dir[64];
    struct co_arena arena;
    struct co_conf *conf;
    struct co_buffer text;
};

static int set_up(void **state) {
    struct world *world = co_calloc(1, sizeof *world);
    snprintf(world->dir, sizeof world->dir, "/tmp/conf_test.XXXXXX");
    assert_non_null(mkdtemp(world->dir));
    setenv("COHORT_MODULE_PATH", FIXTURE_DIR, 1);
    assert_int_equal(chdir(world->dir), 0);
    *state = world;
    return 0;
}

static int tear_down(void **state) {
    struct world *world = *state;
    co_conf_free(world->conf);
    co_arena_fini(&world->arena);
    co_buffer_fini(&world->text);
    assert_int_equal(chdir("/"), 0);
    char command[128];
    snprintf(command, sizeof command, "rm -rf %s", world->dir);
    assert_int_equal(system(command), 0);
    free(world);
    return 0;
}

static void write_file(const char *name, const char *text) {
    FILE *file = fopen(name, "w");
    assert_non_null(file);
    fputs(text, file);
    fclose(file);
}

/* Loads as `cohort agent ARGS...` would. */
static co_status load(struct world *world, const char *const *args) {
    char *argv[32] = {(char *)(uintptr_t) "agent"};
    int argc = 1;
    for (; *args; args++) argv[argc++] = (char *)(uintptr_t)*args;
    struct co_conf_input input;
    struct co_error error = {0};
    if (co_flags_parse(&world->arena, argc, argv, &input, &error)) fail_msg("%s", error.text);
    co_conf_free(world->conf);
    return co_conf_load(&input, &world->conf);
}
#define LOAD(world, ...) load(world, (const char *const[]){__VA_ARGS__, NULL})

/* All problems, one per line, warnings marked with ~. */
static const char *problems(struct world *world) {
    world->text.size = 0;
    for (size_t i = 0; i < world->conf->problems.count; i++) {
        if (world->conf->problems.items[i].is_warning) co_buffer_add_byte(&world->text, '~');
        co_conf_problem_write(&world->conf->problems.items[i], &world->text);
        co_buffer_add_byte(&world->text, '\n');
    }
    return co_buffer_text(&world->text);
}

static const struct fx_config *fx(struct world *world) {
    for (size_t i = 0; i < world->conf->slot_count; i++)
        if (strcmp(world->conf->slots[i]->ctx.module->name, "fx_good") == 0) return world->conf->slots[i]->config;
    fail_msg("fx_good is not loaded:\n%s", problems(world));
    return NULL;
}

#define assert_good(world, status)                                                                                     \
    do {                                                                                                               \
        if ((status) != CO_OK) fail_msg("refused:\n%s", problems(world));                                              \
    } while (0)

static void later_scalars_win_and_lists_append(void **state) {
    struct world *world = *state;
    assert_int_equal(mkdir("conf.d", 0755), 0);
    assert_int_equal(mkdir("conf.d/deeper.hcl", 0755), 0);
    write_file("first.hcl", "node_name = \"first\"\nrecursors = [\"1.1.1.1\"]\nports { http = 1001 dns = 1002 "
                            "}\nnode_meta { a = \"1\" b = \"2\" }\n" ONLY_FX);
    write_file("conf.d/b.json",
               "{\"node_name\": \"from-b\", \"recursors\": [\"3.3.3.3\"], \"node_meta\": {\"b\": \"two\"}}");
    write_file("conf.d/a.hcl", "node_name = \"from-a\"\nrecursors = [\"2.2.2.2\"]\nports { http = 2001 }\n");
    write_file("conf.d/ignored.txt", "this is not configuration {{{");
    assert_good(world,
                LOAD(world, "-dev", "-config-file=first.hcl", "-config-dir", "conf.d", "-hcl", "datacenter = \"EU-1\"",
                     "-recursor=4.4.4.4", "--recursor", "5.5.5.5", "-node-meta", "c:3:4", "-hcl=log_level = \"warn\""));
    const struct co_agent_settings *settings = &world->conf->settings;
    assert_string_equal(settings->node_name, "from-b");
    assert_string_equal(settings->datacenter, "eu-1");
    assert_string_equal(settings->log_level, "warn");
    assert_int_equal(settings->ports.http, 2001);
    assert_int_equal(settings->ports.dns, 1002);
    assert_int_equal(settings->ports.serf_lan, 8301);
    static const char *const recursors[] = {"1.1.1.1", "2.2.2.2", "3.3.3.3", "4.4.4.4", "5.5.5.5"};
    assert_int_equal(fx(world)->recursors.count, 5);
    for (size_t i = 0; i < 5; i++) assert_string_equal(fx(world)->recursors.items[i], recursors[i]);
    assert_int_equal(settings->node_meta.count, 3);
    static const struct co_pair meta[] = {{"a", "1"}, {"b", "two"}, {"c", "3:4"}};
    for (size_t i = 0; i < 3; i++) {
        assert_string_equal(settings->node_meta.items[i].key, meta[i].key);
        assert_string_equal(settings->node_meta.items[i].value, meta[i].value);
    }
}

static void flags_win_over_files_and_fragments(void **state) {
    struct world *world = *state;
    write_file("a.hcl", "node_name = \"file\"\nserver = true\nports { http = 1 }\n" ONLY_FX);
    assert_good(world, LOAD(world, "-node", "flag", "-config-file", "a.hcl", "-hcl", "node_name = \"fragment\"",
                            "-server=false", "-http-port=4711", "-data-dir=/x"));
    assert_string_equal(world->conf->settings.node_name, "flag");
    assert_false(world->conf->settings.is_server);
    assert_int_equal(world->conf->settings.ports.http, 4711);
    assert_string_equal(world->conf->settings.data_dir, "/x");
}

static void a_module_reads_its_block_and_the_top_level(void **state) {
    struct world *world = *state;
    write_file("a.hcl", "recursors = \"9.9.9.9\"\nhttp_config { title = \"top\" use_cache = true }\n"
                        "modules {\n standard = false\n fx_good { map_size = \"4GiB\" words = \"one\" }\n module "
                        "\"fx_good\" { words = [\"two\"] }\n}\n");
    assert_good(world, LOAD(world, "-dev", "-config-file=a.hcl"));
    assert_true(fx(world)->map_size.bytes == UINT64_C(4) << 30);
    assert_int_equal(fx(world)->words.count, 2);
    assert_string_equal(fx(world)->recursors.items[0], "9.9.9.9");
    assert_string_equal(fx(world)->http_config.title, "top");
    assert_int_equal(fx(world)->http_config.size, 7);
    assert_string_equal(problems(world),
                        "~a.hcl:2:29: \"http_config.use_cache\" is not supported yet and is ignored\n");
}

static void json_modules_are_the_same(void **state) {
    struct world *world = *state;
    write_file("a.json", "{\"modules\": {\"standard\": false, \"fx_good\": [{\"map_size\": \"1MiB\"}], \"module\": "
                         "{\"fx_after\": {}}}}");
    assert_good(world, LOAD(world, "-dev", "-config-file=a.json"));
    assert_true(fx(world)->map_size.bytes == 1 << 20);
    assert_int_equal(world->conf->slot_count, 2);
}

static void everything_wrong_is_listed_at_once(void **state) {
    struct world *world = *state;
    write_file("b.hcl", "datacentre = \"x\"\n"
                        "ports { htpp = 1 dns = \"many\" }\n"
                        "acl { enabled = true defualt_policy = \"deny\" }\n"
                        "telemetry { statsd_address = \"x\" statsd_adress = \"y\" }\n"
                        "modules {\n"
                        "  standard = false\n"
                        "  fx_good { map_sise = 1 words = { a = 1 } }\n"
                        "  fx_goof {}\n"
                        "  kv = 3\n"
                        "}\n");
    write_file("a.json", "{\"zzz\": 1,\n \"node_name\": []}");
    assert_int_equal(LOAD(world, "-dev", "-config-file=b.hcl", "-config-file=a.json"), CO_INVALID);
    assert_string_equal(problems(world),
                        "a.json:2:15: node_name must be a string, not a list\n"
                        "b.hcl:2:24: ports.dns must be a whole number, not \"many\"\n"
                        "b.hcl:7:13: unknown key \"map_sise\" in modules.fx_good; did you mean \"map_size\"?\n"
                        "b.hcl:7:34: modules.fx_good.words must be a list of strings, not an object\n"
                        "b.hcl:8:3: module \"fx_goof\": there is no fx_goof.so in " FIXTURE_DIR
                        ", " COHORT_INSTALL_MODULE_DIR "; did you mean \"fx_good\"?\n"
                        "b.hcl:9:3: modules.kv must be a block: kv {}\n");
    /* Once the files can be read and all modules are there, what is left over is judged. */
    write_file("b.hcl", "datacentre = \"x\"\n"
                        "ports { htpp = 1 }\n"
                        "acl { enabled = true defualt_policy = \"deny\" }\n"
                        "telemetry { statsd_address = \"x\" statsd_adress = \"y\" }\n" ONLY_FX);
    write_file("a.json", "{\"zzz\": 1,\n \"node_name\": \"x\"}");
    assert_int_equal(LOAD(world, "-dev", "-config-file=b.hcl", "-config-file=a.json"), CO_INVALID);
    assert_string_equal(problems(world),
                        "a.json:1:2: unknown key \"zzz\"\n"
                        "b.hcl:1:1: unknown key \"datacentre\"; did you mean \"datacenter\"?\n"
                        "b.hcl:2:9: unknown key \"htpp\" in ports; did you mean \"http\"?\n"
                        "~b.hcl:3:1: \"acl\" is NOT in force: this version does not support it yet, so every request "
                        "is allowed, with or without a token\n"
                        "b.hcl:3:22: unknown key \"defualt_policy\" in acl; did you mean \"default_policy\"?\n"
                        "~b.hcl:4:13: \"telemetry.statsd_address\" is not supported yet and is ignored\n"
                        "b.hcl:4:34: unknown key \"statsd_adress\" in telemetry; did you mean \"statsd_address\"?\n");
}

static void parse_errors_have_their_place(void **state) {
    struct world *world = *state;
    write_file("a.hcl", "node_name = \n}\n");
    assert_int_equal(LOAD(world, "-dev", "-config-file=a.hcl", "-config-file=absent.hcl", "-hcl", ONLY_FX), CO_INVALID);
    assert_int_equal(world->conf->problems.count, 2);
    assert_string_equal(world->conf->problems.items[0].place.file, "a.hcl");
    assert_int_equal(world->conf->problems.items[0].place.line, 2);
    assert_null(strstr(world->conf->problems.items[0].text, "a.hcl"));
    assert_string_equal(world->conf->problems.items[1].text, "No such file or directory");
}

static void security_that_is_not_there_is_said_loudly(void **state) {
    struct world *world = *state;
    write_file("a.hcl", "encrypt = \"pUqJrVyVRj5jsiYEkM/tFQYfWyJIv4s3XkvDwy7Cu5s=\"\nacl { enabled = false "
                        "}\nverify_incoming = true\nverify_outgoing = false\n"
                        "tls { defaults { ca_file = \"x\" } }\nacl = { tokens = { default = \"x\" } }\n" ONLY_FX);
    assert_good(world, LOAD(world, "-dev", "-config-file=a.hcl"));
    assert_string_equal(
        problems(world),
        "~a.hcl:1:1: \"encrypt\" is NOT in force: this version does not support it yet, so gossip is not encrypted\n"
        "~a.hcl:2:1: \"acl\" is not supported yet and is ignored\n"
        "~a.hcl:3:1: \"verify_incoming\" is NOT in force: this version does not support it yet, so clients are not "
        "verified\n"
        "~a.hcl:4:1: \"verify_outgoing\" is not supported yet and is ignored\n"
        "~a.hcl:5:1: \"tls\" is NOT in force: this version does not support it yet, so no connection is encrypted or "
        "verified\n");
}

static const char stock_file[] =
    "datacenter = \"dc1\"\nnode_name = \"web-1\"\nnode_id = \"40e4a748-2192-161a-0510-9bf59fe950b5\"\nnode_meta { rack "
    "= \"r1\" }\n"
    "data_dir = \"/opt/consul\"\nserver = true\nbootstrap_expect = 3\nbind_addr = \"127.0.0.1\"\nadvertise_addr = "
    "\"127.0.0.1\"\n"
    "client_addr = \"127.0.0.1 ::1\"\naddresses { dns = \"127.0.0.1\" http = \"127.0.0.1 unix:///run/consul.sock\" "
    "https = \"127.0.0.1\" grpc = \"127.0.0.1\" grpc_tls = \"127.0.0.1\" }\n"
    "ports { dns = 8600 http = 8500 https = -1 grpc = -1 grpc_tls = 8503 serf_lan = 8301 serf_wan = 8302 server = 8300 "
    "sidecar_min_port = 21000\n"
    "  sidecar_max_port = 21255 expose_min_port = 21500 expose_max_port = 21755 }\n"
    "retry_join = [\"10.0.0.1\"]\nretry_interval = \"30s\"\nretry_max = 0\nstart_join = "
    "[\"10.0.0.1\"]\nrejoin_after_leave = true\nleave_on_terminate = false\n"
    "skip_leave_on_interrupt = true\nreconnect_timeout = \"72h\"\n"
    "service { name = \"web\" port = 80 }\nservices = [{ name = \"db\" }]\ncheck { name = \"x\" ttl = \"10s\" "
    "}\nchecks = []\nenable_script_checks = false\n"
    "enable_local_script_checks = true\ncheck_update_interval = \"5m\"\ncheck_output_max_size = "
    "4096\ndiscard_check_output = false\ndisable_remote_exec = true\n"
    "session_ttl_min = \"10s\"\ndomain = \"consul.\"\nalt_domain = \"other.\"\nrecursors = [\"8.8.8.8\"]\n"
    "dns_config { allow_stale = true max_stale = \"87600h\" node_ttl = \"0s\" service_ttl { \"*\" = \"5s\" } "
    "only_passing = true enable_truncate = true\n"
    "  udp_answer_limit = 3 a_record_limit = 0 disable_compression = false recursor_timeout = \"2s\" recursor_strategy "
    "= \"random\" use_cache = false\n"
    "  cache_max_age = \"0s\" enable_additional_node_meta_txt = true soa { expire = 86400 min_ttl = 0 refresh = 3600 "
    "retry = 600 } }\n"
    "encrypt = \"\"\nencrypt_verify_incoming = true\nencrypt_verify_outgoing = true\ndisable_keyring_file = true\n"
    "tls { defaults { ca_file = \"\" verify_incoming = false } grpc { use_auto_cert = false } https {} internal_rpc {} "
    "}\n"
    "ca_file = \"\"\nca_path = \"\"\ncert_file = \"\"\nkey_file = \"\"\ntls_min_version = \"tls12\"\ntls_cipher_suites "
    "= \"\"\nverify_incoming = false\n"
    "verify_incoming_rpc = false\nverify_incoming_https = false\nverify_outgoing = false\nverify_server_hostname = "
    "false\nserver_name = \"\"\n"
    "acl { enabled = false default_policy = \"allow\" down_policy = \"extend-cache\" policy_ttl = \"30s\" role_ttl = "
    "\"30s\" token_ttl = \"30s\"\n"
    "  enable_token_persistence = true enable_token_replication = false enable_key_list_policy = false\n"
    "  tokens { initial_management = \"\" default = \"\" agent = \"\" agent_recovery = \"\" replication = \"\" "
    "config_file_service_registration = \"\" dns = \"\"\n"
    "    master = \"\" agent_master = \"\" } }\n"
    "log_level = \"INFO\"\nlog_json = false\nlog_file = \"\"\nlog_rotate_bytes = 0\nlog_rotate_duration = "
    "\"24h\"\nlog_rotate_max_files = 0\nenable_syslog = false\n"
    "syslog_facility = \"LOCAL0\"\npid_file = \"/run/x.pid\"\n"
    "telemetry { metrics_prefix = \"consul\" disable_hostname = true filter_default = true prefix_filter = [\"+a\"] "
    "prometheus_retention_time = \"60s\"\n"
    "  statsd_address = \"\" statsite_address = \"\" dogstatsd_addr = \"\" dogstatsd_tags = [] }\n"
    "limits { http_max_conns_per_client = 200 https_handshake_timeout = \"5s\" rpc_handshake_timeout = \"5s\" "
    "rpc_max_conns_per_client = 100\n"
    "  rpc_client_timeout = \"60s\" rpc_rate = -1 rpc_max_burst = 1000 kv_max_value_size = 524288 txn_max_req_len = "
    "524288 request_limits { mode = \"disabled\" } }\n"
    "performance { raft_multiplier = 1 leave_drain_time = \"5s\" rpc_hold_timeout = \"7s\" grpc_keepalive_interval = "
    "\"30s\" grpc_keepalive_timeout = \"20s\" }\n"
    "raft_protocol = 3\nraft_snapshot_threshold = 16384\nraft_snapshot_interval = \"30s\"\nraft_trailing_logs = "
    "10000\ndefault_query_time = \"300s\"\n"
    "max_query_time = \"600s\"\ndiscovery_max_stale = \"0s\"\nautopilot { cleanup_dead_servers = true }\nconnect { "
    "enabled = true }\nui_config { enabled = true }\n"
    "primary_datacenter = \"dc1\"\ndisable_update_check = true\nwatches = [{ type = \"key\" }]\n";

static void a_stock_file_is_taken_with_warnings_only(void **state) {
    struct world *world = *state;
    write_file("consul.hcl", stock_file);
    assert_good(world, LOAD(world, "-config-file=consul.hcl", "-hcl", ONLY_FX));
    const struct co_agent_settings *settings = &world->conf->settings;
    assert_string_equal(settings->node_name, "web-1");
    assert_int_equal(settings->bootstrap_expect, 3);
    assert_true(settings->telemetry.disable_hostname);
    assert_true(settings->telemetry.prometheus_retention_time.ns == 60 * CO_SECOND);
    assert_int_equal(settings->performance.raft_multiplier, 1);
    assert_true(settings->has_leave_on_terminate);
    assert_false(settings->leave_on_terminate);
    for (size_t i = 0; i < world->conf->problems.count; i++) { /* one warning per key, none of them loud */
        assert_null(strstr(world->conf->problems.items[i].text, "NOT in force"));
        for (size_t j = 0; j < i; j++)
            assert_string_not_equal(world->conf->problems.items[i].text, world->conf->problems.items[j].text);
    }
}

struct rule {
    const char *hcl, *text;
};

static void the_rules_are_consuls(void **state) {
    struct world *world = *state;
    static const struct rule rules[] = {
        {"", "data_dir cannot be empty\n"},
        {"data_dir = \"/x\" datacenter = \"a b\"",
         "-hcl:1:19: datacenter cannot be \"a b\". Please use only [a-z0-9-_]\n"},
        {"data_dir = \"/x\" datacenter = \"\"", "-hcl:1:19: datacenter cannot be empty\n"},
        {"data_dir = \"/x\" bootstrap = true", "-hcl:1:19: 'bootstrap = true' requires 'server = true'\n"},
        {"data_dir = \"/x\" bootstrap_expect = 3", "-hcl:1:19: 'bootstrap_expect > 0' requires 'server = true'\n"},
        {"data_dir = \"/x\" bootstrap_expect = -1",
         "-hcl:1:19: bootstrap_expect cannot be -1. Must be greater than or equal to zero\n"},
        {"data_dir = \"/x\" bind_addr = \"1.2.3\"", "-hcl:1:19: bind_addr: \"1.2.3\" is not an IP address\n"},
        {"data_dir = \"/x\" advertise_addr = \"0.0.0.0\"",
         "-hcl:1:19: Advertise address cannot be 0.0.0.0, :: or [::]\n"},
        {"data_dir = \"/x\" client_addr = \"127.0.0.1 foo\"", "-hcl:1:19: client_addr: \"foo\" is not an IP address\n"},
        {"data_dir = \"/x\" node_id = \"zz\"",
         "-hcl:1:19: node_id \"zz\" is not a UUID such as adf4238a-882b-9ddc-4a9d-5b6758e4159e\n"},
        {"data_dir = \"/x\" log_level = \"loud\"",
         "-hcl:1:19: Invalid log level: loud. Valid log levels are: [TRACE DEBUG INFO WARN ERR ERROR]\n"},
        {"data_dir = \"/x\" ports { http = 70000 }", "-hcl:1:27: ports.http: invalid port: 70000\n"},
        {"data_dir = \"/x\" ports { http = 8600 }",
         "-hcl:1:27: HTTP address 127.0.0.1:8600 already configured for DNS\n"},
        {"data_dir = \"/x\" performance { raft_multiplier = 20 }",
         "-hcl:1:33: performance.raft_multiplier cannot be 20. Must be between 1 and 10\n"},
        {"data_dir = \"/x\" node_meta { consul-x = \"1\" }",
         "-hcl:1:19: node_meta: key \"consul-x\" is reserved: it starts with \"consul-\"\n"},
        {"data_dir = \"/x\" node_meta { \"a b\" = \"1\" }",
         "-hcl:1:19: node_meta: key \"a b\" must not be empty and holds only letters, digits, - and _\n"},
        {"data_dir = \"/x\" max_query_time = \"soon\"",
         "-hcl:1:36: max_query_time must be a duration such as \"10s\", not \"soon\"\n"},
        {"data_dir = \"/x\" bind_addr = \"{{ GetInterfaceIP \\\"nope0\\\" }}\"",
         "-hcl:1:19: bind_addr: {{ GetInterfaceIP \"nope0\" }} gives no address on this machine\n"},
        {"data_dir = \"/x\" modules { fx_good { path = 3 } }", NULL},
    };
    for (size_t i = 0; i < CO_COUNT(rules); i++) {
        char hcl[512];
        snprintf(hcl, sizeof hcl, "%s  %s", *rules[i].hcl ? "" : "", rules[i].hcl);
        co_status status = LOAD(world, "-hcl", hcl, "-hcl", ONLY_FX, "-hcl",
                                "modules { fx_good { path = \"" FIXTURE_DIR "/fx_good.so\" } }");
        assert_int_equal(status, CO_INVALID);
        if (rules[i].text)
            assert_string_equal(problems(world), rules[i].text);
        else
            assert_non_null(strstr(problems(world), "modules.fx_good.path must be the name of a file"));
    }
}

static void dev_mode_is_a_server_on_loopback(void **state) {
    struct world *world = *state;
    assert_good(world, LOAD(world, "-dev", "-hcl", ONLY_FX, "-data-dir", "/x"));
    const struct co_agent_settings *settings = &world->conf->settings;
    assert_true(settings->is_dev && settings->is_server && settings->enable_debug && settings->skip_leave_on_interrupt);
    assert_false(settings->leave_on_terminate);
    assert_string_equal(settings->bind_addr, "127.0.0.1");
    assert_string_equal(settings->advertise_addr, "127.0.0.1");
    assert_string_equal(settings->log_level, "DEBUG");
    assert_string_equal(settings->data_dir, "");
    char host[256] = "";
    gethostname(host, sizeof host - 1);
    assert_string_equal(settings->node_name, host);
    assert_string_equal(settings->tagged_addresses.items[0].key, "lan");
    assert_int_equal(LOAD(world, "-dev", "-hcl", ONLY_FX, "-bootstrap-expect=3"), CO_INVALID);
    assert_string_equal(problems(world), "flag -bootstrap-expect: 'bootstrap_expect > 0' not allowed in dev mode\n");
}

static void clients_leave_when_terminated(void **state) {
    struct world *world = *state;
    assert_good(world, LOAD(world, "-data-dir=/x", "-bind=127.0.0.1", "-hcl", ONLY_FX));
    assert_true(world->conf->settings.leave_on_terminate);
    assert_false(world->conf->settings.skip_leave_on_interrupt);
}

static void templates_become_addresses(void **state) {
    struct world *world = *state;
    static const struct rule templates[] = {
        {"{{ GetInterfaceIP \"lo\" }}", "127.0.0.1"},
        {"{{GetAllInterfaces | include \"name\" \"^lo$\" | include \"type\" \"ipv4\" | limit 1 | attr \"address\"}}",
         "127.0.0.1"},
        {"{{ GetAllInterfaces | include \"name\" \"lo\" | include \"type\" \"IPv4\" | join \"address\" \" \" }}",
         "127.0.0.1"},
        {"10.0.0.1 {{ GetInterfaceIP `lo` }}", "10.0.0.1 127.0.0.1"},
        {"127.0.0.1", "127.0.0.1"},
    };
    static const char *const bad[] = {"{{ GetInterfaceIP \"lo\"",
                                      "{{ Nonsense }}",
                                      "{{ GetAllInterfaces }}",
                                      "{{ }}",
                                      "{{ GetAllInterfaces | sort \"x\" }}",
                                      "{{ GetInterfaceIP \"lo }}"};
    for (size_t i = 0; i < CO_COUNT(templates); i++) {
        struct co_error error = {0};
        const char *text = co_address_expand(&world->arena, templates[i].hcl, &error);
        if (!text) fail_msg("%s", error.text);
        assert_string_equal(text, templates[i].text);
    }
    for (size_t i = 0; i < CO_COUNT(bad); i++) {
        struct co_error error = {0};
        assert_null(co_address_expand(&world->arena, bad[i], &error));
        assert_true(error.text[0] != '\0');
    }
}

static void one_implementation_of_each_interface(void **state) {
    struct world *world = *state;
    assert_int_equal(LOAD(world, "-dev", "-hcl", "modules { standard = false\nstorage \"x\" {}\nstorage \"y\" {} }"),
                     CO_INVALID);
    assert_non_null(strstr(problems(world), "-hcl:3:9: modules.storage chooses both \"x\" and \"y\"; keep one\n"));
    const char *both =
        "modules { standard = false storage \"fx\" { path = \"" FIXTURE_DIR "/fx_storage_a.so\" } fx_storage_b {} }";
    assert_int_equal(LOAD(world, "-dev", "-hcl", both),
                     CO_INVALID); /* store_fx is not what fx_storage_a.so calls itself */
    assert_non_null(strstr(problems(world), "no symbol store_fx_LTX_cohort_module"));
    assert_int_equal(LOAD(world, "-dev", "-hcl", "modules { standard = false fx_storage_a {} fx_storage_b {} }"),
                     CO_INVALID);
    assert_string_equal(problems(world),
                        "storage \"fx\" is offered by both fx_storage_a and fx_storage_b; disable one of them\n");
    assert_good(world, LOAD(world, "-dev", "-hcl",
                            "modules { standard = false fx_storage_a {} fx_storage_b { enabled = false } }"));
}

static void the_standard_set_can_be_changed(void **state) {
    struct world *world = *state;
    LOAD(world, "-dev", "-hcl", "modules { storage \"other\" {} dns { enabled = false } fx_good {} }");
    static const char *const expected[] = {
        "store_other", "fx_good",   "journal_memory", "solo",         "catalog",     "health", "kv",
        "check_ttl",   "check_tcp", "check_http",     "check_script", "agent_local", "http"};
    size_t at = 0;
    for (const struct co_conf_module *entry = world->conf->plan; entry; entry = entry->next) {
        if (entry->is_disabled) {
            assert_string_equal(entry->module, "dns");
            continue;
        }
        assert_true(at < CO_COUNT(expected));
        assert_string_equal(entry->module, expected[at++]);
    }
    assert_int_equal(at, CO_COUNT(expected));
    LOAD(world, "-data-dir=/x");
    assert_string_equal(world->conf->plan->module, "store_lmdb");
    assert_string_equal(world->conf->plan->next->module, "journal_file");
}

static void faulty_flags_are_refused(void **state) {
    struct world *world = *state;
    static const struct rule bad[] = {
        {"-bnid=1", "flag provided but not defined: -bnid; did you mean -bind?"},
        {"-data-dir", "flag needs an argument: -data-dir"},
        {"-server=maybe", "invalid boolean value \"maybe\" for -server: use true or false"},
        {"extra", "Unexpected extra arguments: [extra]"},
        {"-segment=x", "-segment belongs to Consul's Enterprise edition and is not supported; remove it"},
        {"-config-format=xml", "-config-format must be either 'hcl' or 'json'"},
    };
    for (size_t i = 0; i < CO_COUNT(bad); i++) {
        char *argv[] = {(char *)(uintptr_t) "agent", (char *)(uintptr_t)bad[i].hcl};
        struct co_conf_input input;
        struct co_error error = {0};
        assert_int_not_equal(co_flags_parse(&world->arena, 2, argv, &input, &error), CO_OK);
        assert_string_equal(error.text, bad[i].text);
    }
}

int main(void) {
    const struct CMUnitTest tests[] = {
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
        TEST(later_scalars_win_and_lists_append),
        TEST(flags_win_over_files_and_fragments),
        TEST(a_module_reads_its_block_and_the_top_level),
        TEST(json_modules_are_the_same),
        TEST(everything_wrong_is_listed_at_once),
        TEST(parse_errors_have_their_place),
        TEST(security_that_is_not_there_is_said_loudly),
        TEST(a_stock_file_is_taken_with_warnings_only),
        TEST(the_rules_are_consuls),
        TEST(dev_mode_is_a_server_on_loopback),
        TEST(clients_leave_when_terminated),
        TEST(templates_become_addresses),
        TEST(one_implementation_of_each_interface),
        TEST(the_standard_set_can_be_changed),
        TEST(faulty_flags_are_refused),
    };
    return cmocka_run_group_tests_name("conf", tests, NULL, NULL);
}
