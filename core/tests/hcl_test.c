/* HCL: what Consul's configuration files contain, errors with places, and binding such files to structs. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>

#include "everything.h"

static struct co_arena arena;

static int arena_setup(void **state) {
    (void)state;
    co_arena_init(&arena);
    return 0;
}
static int arena_teardown(void **state) {
    (void)state;
    co_arena_fini(&arena);
    return 0;
}

static struct co_node *parse(const char *text) {
    struct co_node *node;
    struct co_error error = {0};
    if (co_tree_parse_hcl(&arena, "agent.conf", co_bytes_text(text), &node, &error)) fail_msg("%s", error.text);
    return node;
}

static void expect_json(const char *hcl, const char *json) {
    struct co_buffer out = {0};
    co_tree_write_json(&out, parse(hcl));
    assert_string_equal(co_buffer_text(&out), json);
    co_buffer_fini(&out);
}

static void values(void **state) {
    expect_json("", "{}");
    expect_json(" # only a comment", "{}");
    expect_json("a = 1\n\"b c\" = true\nd-e.f_g = \"x\"", "{\"a\":1,\"b c\":true,\"d-e.f_g\":\"x\"}");
    expect_json("a = 0x1F b = 0755 c = -12 d = 1.5 e = 1e3 f = -2.5E-1 g = 0 h = 0.5 i = -0x10",
                "{\"a\":31,\"b\":493,\"c\":-12,\"d\":1.5,\"e\":1000,\"f\":-0.25,\"g\":0,\"h\":0.5,\"i\":-16}");
    expect_json("a = 9223372036854775808 b = 0xffffffffffffffff c = -9223372036854775808",
                "{\"a\":9223372036854775808,\"b\":18446744073709551615,\"c\":-9223372036854775808}");
    expect_json("a = [1, \"x\", true, [], {b = 1},]", "{\"a\":[1,\"x\",true,[],{\"b\":1}]}");
    expect_json("a = [\n  1,\n  2 # two\n]\n", "{\"a\":[1,2]}");
    expect_json("a = { b = 1, c = 2\n d = 3, }", "{\"a\":{\"b\":1,\"c\":2,\"d\":3}}");
    expect_json("\xef\xbb\xbf"
                "a = 1\r\nb = 2\r\n",
                "{\"a\":1,\"b\":2}");
    (void)state;
}

static void comments(void **state) {
    expect_json("# one\n// two\n/* three\n * = */ a /* x */ = /**/ 1 // end\nb = \"#no\" # yes",
                "{\"a\":1,\"b\":\"#no\"}");
    (void)state;
}

static void blocks_and_labels(void **state) {
    expect_json("a { b = 1 }", "{\"a\":{\"b\":1}}");
    expect_json("a \"x\" { b = 1 } a \"y\" {}", "{\"a\":{\"x\":{\"b\":1}},\"a\":{\"y\":{}}}");
    expect_json("a \"x\" \"y\" { }", "{\"a\":{\"x\":{\"y\":{}}}}");
    expect_json("a x { }", "{\"a\":{\"x\":{}}}");
    expect_json("a\n{\n}", "{\"a\":{}}");
    const struct co_node *root = parse("a \"x\" { }\nb = { }");
    assert_true(root->entries->value->from_block);
    assert_true(root->entries->value->entries->value->from_block);
    assert_false(root->entries->next->value->from_block);
    assert_int_equal(root->entries->value->entries->place.column, 3);
    assert_int_equal(root->entries->next->place.line, 2);
    (void)state;
}

static void strings(void **state) {
    expect_json("a = \"t\\tn\\n\\\"\\\\\\u00e4\\U0001F600\\x41\\101\\uD83D\\uDE00\"",
                "{\"a\":\"t\\tn\\n\\\"\\\\\xc3\xa4\xf0\x9f\x98\x80"
                "AA\xf0\x9f\x98\x80\"}");
    expect_json("a = \"${join(\"-\", \"x\")} {not} $5\"", "{\"a\":\"${join(\\\"-\\\", \\\"x\\\")} {not} $5\"}");
    expect_json("a = \"${x{\n}}\"", "{\"a\":\"${x{\\n}}\"}");
    (void)state;
}

static void heredocs(void **state) {
    expect_json("a = <<EOF\none\n  two\nEOF\nb = 1", "{\"a\":\"one\\n  two\\n\",\"b\":1}");
    expect_json("a = <<-EOF\n    one\n      two\n\n    EOF\n", "{\"a\":\"one\\n  two\\n\\n\"}");
    expect_json("a = <<-EOF\n    one\n  two\n    EOF\n",
                "{\"a\":\"    one\\n  two\\n\"}"); /* a line with less indent: all stay */
    expect_json("a = <<EOF\nEOF", "{\"a\":\"\"}");
    expect_json("a = <<X\nXX\n X Y\nX\n", "{\"a\":\"XX\\n X Y\\n\"}");
    expect_json("a = [<<EOF\nx\nEOF\n, \"y\"]", "{\"a\":[\"x\\n\",\"y\"]}");
    expect_json("a = <<EOF\r\nx\r\nEOF\r\n", "{\"a\":\"x\\r\\n\"}");
    (void)state;
}

static void json_is_recognised(void **state) {
    expect_json("\n {\"a\": {\"b\": [1]}, \"a\": 2}", "{\"a\":2}");
    (void)state;
}

static void errors_have_places_and_remedies(void **state) {
    static const char *const cases[][2] = {
        {"a = yes", "f:1:5: unknown word yes; strings are written in quotes"},
        {"a = null", "f:1:5: unknown word null; strings are written in quotes"},
        {"\n  a = 10s", "f:2:7: 10s is not a number; strings are written in quotes"},
        {"a = 09", "f:1:5: 09 is not a number; strings are written in quotes"},
        {"a = 1.2.3.4", "f:1:5: 1.2.3.4 is not a number; strings are written in quotes"},
        {"a = 0x1ffffffffffffffff", "f:1:7: the number does not fit into 64 bits"},
        {"a = \"x", "f:1:5: the string is not closed on its line; add \" or use <<EOF for several lines"},
        {"a = \"x\ny\"", "f:1:5: the string is not closed on its line; add \" or use <<EOF for several lines"},
        {"a = \"\\q\"", "f:1:6: unknown escape; a backslash is written \\\\"},
        {"a = \"\\xff\"", "f:1:6: not ASCII; write \\u00ff"},
        {"a = \"\\u0000\"", "f:1:6: strings must not contain the byte 0"},
        {"a = \"${x\"", "f:1:6: \"${\" is not closed; add }"},
        {"a = [1 2]", "f:1:8: expected \",\" or \"]\", not '2'"},
        {"a = [1,", "f:1:5: the list is not closed; add ]"},
        {"a {\n b = 1\n", "f:1:3: the block is not closed; add }"},
        {"a = 1\n}", "f:2:1: this } closes nothing; remove it"},
        {"a\nb = 1", "f:1:1: \"a\" has no value; write a = ... or a { }"},
        {"a", "f:1:1: \"a\" has no value; write a = ... or a { }"},
        {"a \"l\" = 1", "f:1:7: a block with a label has no \"=\"; remove it"},
        {"a: 1", "f:1:2: expected \"=\" or \"{\", not ':'"},
        {"= 1", "f:1:1: expected a key, not '='"},
        {"a = ", "f:1:5: expected a value, not the end of the file"},
        {"a = }", "f:1:5: expected a value, not '}'"},
        {"a = /* x", "f:1:5: the comment is not closed; add */"},
        {"a = <<EOF\nx\n", "f:1:5: no line ends the text; add a line with EOF alone"},
        {"a = << \n", "f:1:7: expected a marker such as EOF behind <<, not ' '"},
        {"a = <<EOF x\nEOF", "f:1:10: expected the end of the line behind the marker, not ' '"},
        {"a = \"\xc3\xa4\xff\"", "f:1:7: invalid UTF-8 (byte 0xff); save the file as UTF-8"},
    };
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct co_node *node;
        struct co_error error = {0};
        size_t size = strlen(cases[i][0]);
        char *exact = malloc(size ? size : 1); /* no NUL behind it */
        assert_non_null(exact);
        memcpy(exact, cases[i][0], size);
        assert_int_equal(co_tree_parse_hcl(&arena, "f", co_bytes(exact, size), &node, &error), CO_INVALID);
        assert_string_equal(error.text, cases[i][1]);
        assert_null(node);
        free(exact);
    }
    (void)state;
}

/* Syntax that `consul validate` of 1.8.7 was seen to accept and to refuse. Some that it refuses we read: keys that
 * start with a digit or hold letters beyond ASCII, a byte order mark, a heredoc's marker at the very end, "\/". */
static void the_same_syntax_as_consul(void **state) {
    static const char *const good[] = {
        "a = 1 b = 2",
        "a = 1, b = 2",
        "a = .5 b = 0x10 c = 010 d = -1",
        "a { b-c = \"x\", d = \"y\" }",
        "a\n{ b = 1 }",
        "a = [[\"x\"]]",
        "a = \"x\ty\"",
        "a = \"$${x}\"",
        "a = \"${\\\"x\\\"}\"",
        "a = <<EOF\nx\n  EOF\n",
        "a = [<<EOF\nx\nEOF\n, \"y\"]",
        "a = \"\\a\\v\\x41\\101\"",
    };
    static const char *const bad[] = {
        "a = [1 2]", "a = yes",  "a = null",      "a = TRUE",     "a = 'x'",       "a = 09",       "a = 1_000",
        "a = - 1",   "a = +1",   "a = 1,, b = 1", "a = 1; b = 1", "a { b : 1 }",   "a { $b = 1 }", "a { -b = 1 }",
        "a",         "a\nb = 1", "a = 1 }",       "a = 1 /* x",   "a \"l\" = { }", "a = \"\\q\"",  "a = <<EOF x\nEOF\n",
    };
    struct co_node *node;
    for (size_t i = 0; i < CO_COUNT(good); i++) parse(good[i]);
    for (size_t i = 0; i < CO_COUNT(bad); i++)
        if (co_tree_parse_hcl(&arena, "f", co_bytes_text(bad[i]), &node, NULL) == CO_OK)
            fail_msg("accepted %s", bad[i]);
    (void)state;
}

static void depth_is_bounded_for_blocks_lists_and_labels(void **state) {
    static const struct {
        const char *piece;
        const char *before;
    } cases[] = {{"a {\n", ""}, {"[", "a = "}, {"\"l\" ", "a "}};
    for (size_t i = 0; i < CO_COUNT(cases); i++) {
        struct co_buffer text = {0};
        struct co_node *node;
        struct co_error error;
        co_buffer_add_text(&text, cases[i].before);
        for (int j = 0; j < 100; j++) co_buffer_add_text(&text, cases[i].piece);
        assert_int_equal(co_tree_parse_hcl(&arena, "f", co_bytes(text.data, text.size), &node, &error), CO_INVALID);
        assert_non_null(strstr(error.text, "nested more than 64 levels deep"));
        co_buffer_fini(&text);
    }
    (void)state;
}

/* --- binding --- */

struct ports {
    int32_t dns, http;
};
struct check {
    const char *id;
    struct co_duration interval;
};
struct service {
    const char *name;
    int32_t port;
    struct co_strings tags;
    struct co_map meta;
    struct co_records checks;
};
struct agent {
    const char *datacenter, *node_name;
    bool server, ui;
    int64_t bootstrap_expect;
    uint64_t raft_trailing_logs;
    struct co_strings retry_join;
    struct ports ports;
    struct co_map node_meta;
    struct co_records services;
    struct co_trees raw_checks;
    struct co_size map_size;
    double ratio;
};

CO_SCHEMA(ports_schema, struct ports, "Ports", CO_FIELD(0, struct ports, dns, "DNS", 0, .fallback = "8600"),
          CO_FIELD(0, struct ports, http, "HTTP", 0, .fallback = "8500"));
CO_SCHEMA(check_schema, struct check, "Check", CO_FIELD(0, struct check, id, "ID", 0),
          CO_FIELD(0, struct check, interval, "Interval", 0));
CO_SCHEMA(service_schema, struct service, "Service", CO_FIELD(0, struct service, name, "Name", CO_REQUIRED),
          CO_FIELD(0, struct service, port, "Port", 0), CO_FIELD(0, struct service, tags, "Tags", 0),
          CO_FIELD(0, struct service, meta, "Meta", 0),
          CO_RECORDS(0, struct service, checks, "Checks", CO_ONE_OR_MANY, &check_schema, .config = "check"));
CO_SCHEMA(agent_schema, struct agent, "Agent",
          CO_FIELD(0, struct agent, datacenter, "Datacenter", 0, .fallback = "dc1"),
          CO_FIELD(0, struct agent, node_name, "NodeName", 0), CO_FIELD(0, struct agent, server, "Server", 0),
          CO_FIELD(0, struct agent, ui, "UI", 0), CO_FIELD(0, struct agent, bootstrap_expect, "BootstrapExpect", 0),
          CO_FIELD(0, struct agent, raft_trailing_logs, "RaftTrailingLogs", 0),
          CO_FIELD(0, struct agent, retry_join, "RetryJoin", CO_ONE_OR_MANY),
          CO_RECORD(0, struct agent, ports, "Ports", 0, &ports_schema),
          CO_FIELD(0, struct agent, node_meta, "NodeMeta", 0),
          CO_RECORDS(0, struct agent, services, "Services", CO_ONE_OR_MANY, &service_schema, .config = "service"),
          CO_FIELD(0, struct agent, raw_checks, "Checks", CO_ONE_OR_MANY, .config = "check"),
          CO_FIELD(0, struct agent, map_size, "MapSize", 0), CO_FIELD(0, struct agent, ratio, "Ratio", 0));

struct problems {
    size_t count;
    char text[16][200];
};

static void note(void *arg, struct co_place place, const char *text) {
    struct problems *problems = arg;
    assert_true(problems->count < CO_COUNT(problems->text));
    snprintf(problems->text[problems->count++], sizeof problems->text[0], "%s:%u:%u: %s", place.file, place.line,
             place.column, text);
}

static co_status bind(const char *text, struct agent *agent, struct problems *problems) {
    *problems = (struct problems){.count = 0};
    co_schema_defaults(&agent_schema, agent, &arena);
    return co_bind(&agent_schema, agent, parse(text), CO_UNKNOWN_REPORT, "", &arena, note, problems);
}

static struct agent bind_well(const char *text) {
    struct agent agent;
    struct problems problems;
    if (bind(text, &agent, &problems)) fail_msg("%s", problems.text[0]);
    return agent;
}

static void a_realistic_agent_file_binds(void **state) {
    struct agent agent = bind_well("# An agent as found in the field\n"
                                   "datacenter = \"east-aws\"\n"
                                   "node_name  = \"foobar\"\n"
                                   "server     = true\n"
                                   "ui         = \"true\"\n"
                                   "bootstrap_expect = \"3\"\n"
                                   "raft_trailing_logs = 10240\n"
                                   "retry_join = [\n  \"10.0.0.1\",\n  \"provider=aws tag_key=consul\", // cloud\n]\n"
                                   "ports {\n  dns = 53\n}\n"
                                   "ports = { http = -1 }\n"
                                   "node_meta {\n  rack = \"r1\"\n  slot = 7\n}\n"
                                   "node_meta { spare = true }\n"
                                   "service {\n"
                                   "  name = \"web\"\n"
                                   "  port = 80\n"
                                   "  tags = [\"rails\", \"v2\"]\n"
                                   "  meta = { version = \"1.2\" }\n"
                                   "  check { id = \"one\" interval = \"10s\" }\n"
                                   "  check { id = \"two\" interval = \"1m\" }\n"
                                   "}\n"
                                   "services = [{ Name = \"db\" }, { name = \"cache\", port = 6379 }]\n"
                                   "check { script = [\"true\"] }\n"
                                   "check { http = \"x\" }\n"
                                   "map_size = \"4GiB\"\n"
                                   "ratio = 3\n");
    assert_string_equal(agent.datacenter, "east-aws");
    assert_true(agent.server && agent.ui);
    assert_int_equal(agent.bootstrap_expect, 3);
    assert_int_equal(agent.raft_trailing_logs, 10240);
    assert_int_equal(agent.retry_join.count, 2);
    assert_int_equal(agent.ports.dns, 53); /* the second block adds to the first */
    assert_int_equal(agent.ports.http, -1);
    assert_int_equal(agent.node_meta.count, 3);
    assert_string_equal(agent.node_meta.items[1].key, "slot");
    assert_string_equal(agent.node_meta.items[1].value, "7");
    assert_string_equal(agent.node_meta.items[2].value, "true");
    assert_int_equal(agent.services.count, 3);
    const struct service *services = agent.services.items;
    assert_string_equal(services[0].name, "web");
    assert_int_equal(services[0].checks.count, 2);
    assert_int_equal(((const struct check *)services[0].checks.items)[1].interval.ns, 60 * CO_SECOND);
    assert_string_equal(services[2].name, "cache");
    assert_int_equal(agent.raw_checks.count, 2);
    assert_string_equal(co_tree_text(agent.raw_checks.items[1], "http", ""), "x");
    assert_int_equal(agent.map_size.bytes, UINT64_C(4) << 30);
    assert_true(agent.ratio == 3.0);
    (void)state;
}

static void json_files_bind_alike(void **state) {
    struct agent agent =
        bind_well("{\"datacenter\":\"dc2\",\"ports\":[{\"dns\":\"53\"}],\"retry_join\":\"one\","
                  "\"service\":{\"name\":\"web\",\"check\":[{\"id\":\"x\"}]},\"node_name\":null,\"server\":1}");
    assert_string_equal(agent.datacenter, "dc2");
    assert_int_equal(agent.ports.dns, 53);
    assert_int_equal(agent.ports.http, 8500);
    assert_int_equal(agent.retry_join.count, 1);
    assert_int_equal(agent.services.count, 1);
    assert_string_equal(agent.node_name, "");
    assert_true(agent.server);
    (void)state;
}

static void repeated_keys_overwrite_or_append(void **state) {
    struct agent agent = bind_well("datacenter = \"a\"\ndatacenter = \"b\"\nretry_join = [\"x\"]\nretry_join = \"y\"\n"
                                   "service { name = \"s\" tags = [\"1\"] tags = [\"2\"] }");
    assert_string_equal(agent.datacenter, "b");
    assert_int_equal(agent.retry_join.count, 2);
    assert_string_equal(agent.retry_join.items[1], "y");
    const struct service *service = agent.services.items;
    assert_int_equal(service->tags.count, 1);
    assert_string_equal(service->tags.items[0], "2");
    (void)state;
}

static void all_problems_are_reported_with_places(void **state) {
    struct agent agent;
    struct problems problems;
    assert_int_equal(bind("datacentre = \"x\"\n"
                          "server = \"maybe\"\n"
                          "ports {\n"
                          "  dns = 99999999999\n"
                          "  htpp = 1\n"
                          "  zzzzzz = 1\n"
                          "}\n"
                          "raft_trailing_logs = -5\n"
                          "retry_join = [1, {}]\n"
                          "service { prot = 80 }\n"
                          "service = 5\n"
                          "map_size = \"4Gx\"\n"
                          "BootstrapExpct = 1\n",
                          &agent, &problems),
                     CO_INVALID);
    static const char *const expected[] = {
        "agent.conf:1:1: unknown key \"datacentre\"; did you mean \"datacenter\"?",
        "agent.conf:2:10: server must be true or false, not \"maybe\"",
        "agent.conf:4:9: ports.dns must be between -2147483648 and 2147483647",
        "agent.conf:5:3: unknown key \"htpp\" in ports; did you mean \"http\"?",
        "agent.conf:6:3: unknown key \"zzzzzz\" in ports",
        "agent.conf:8:22: raft_trailing_logs must be between 0 and 18446744073709551615",
        "agent.conf:9:18: retry_join[1] must be a string, not an object",
        "agent.conf:10:11: unknown key \"prot\" in service; did you mean \"port\"?",
        "agent.conf:10:9: service lacks \"name\", which is required",
        "agent.conf:11:11: service must be a list of objects, not 5",
        "agent.conf:12:12: map_size must be a size such as \"64MiB\", not \"4Gx\"",
        "agent.conf:13:1: unknown key \"BootstrapExpct\"; did you mean \"bootstrap_expect\"?",
    };
    for (size_t i = 0; i < CO_COUNT(expected) && i < problems.count; i++)
        assert_string_equal(problems.text[i], expected[i]);
    assert_int_equal(problems.count, CO_COUNT(expected));
    (void)state;
}

static void the_path_names_the_object(void **state) {
    struct agent agent = {0};
    struct problems problems = {.count = 0};
    const struct co_node *node = parse("map_sise = 1\nports { dns = true x = 1 }");
    assert_int_equal(
        co_bind(&agent_schema, &agent, node, CO_UNKNOWN_REPORT, "modules.storage.lmdb", &arena, note, &problems),
        CO_INVALID);
    assert_string_equal(problems.text[0],
                        "agent.conf:1:1: unknown key \"map_sise\" in modules.storage.lmdb; did you mean \"map_size\"?");
    assert_string_equal(problems.text[1], "agent.conf:2:20: unknown key \"x\" in modules.storage.lmdb.ports");
    assert_int_equal(agent.ports.dns, 1); /* weak: true is 1 */
    assert_int_equal(co_bind(&agent_schema, &agent, node, CO_UNKNOWN_IGNORE, "", &arena, NULL, NULL), CO_OK);
    (void)state;
}

static void strings_outlive_the_tree(void **state) {
    struct co_arena own = CO_ARENA_INIT;
    struct co_node *node;
    struct agent agent;
    static const char text[] = "node_name = \"n\" node_meta { k = \"v\" } retry_join = [\"r\"]";
    assert_int_equal(co_tree_parse_hcl(&own, "f", co_bytes_text(text), &node, NULL), CO_OK);
    co_schema_defaults(&agent_schema, &agent, &arena);
    assert_int_equal(co_bind(&agent_schema, &agent, node, CO_UNKNOWN_REPORT, "", &arena, NULL, NULL), CO_OK);
    co_arena_fini(&own);
    assert_string_equal(agent.node_name, "n");
    assert_string_equal(agent.node_meta.items[0].key, "k");
    assert_string_equal(agent.retry_join.items[0], "r");
    (void)state;
}

int main(void) {
#define T(name) cmocka_unit_test_setup_teardown(name, arena_setup, arena_teardown)
    const struct CMUnitTest tests[] = {
        T(values),
        T(comments),
        T(blocks_and_labels),
        T(strings),
        T(heredocs),
        T(json_is_recognised),
        T(errors_have_places_and_remedies),
        T(the_same_syntax_as_consul),
        T(depth_is_bounded_for_blocks_lists_and_labels),
        T(a_realistic_agent_file_binds),
        T(json_files_bind_alike),
        T(repeated_keys_overwrite_or_append),
        T(all_problems_are_reported_with_places),
        T(the_path_names_the_object),
        T(strings_outlive_the_tree),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
