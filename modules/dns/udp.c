/* Datagrams in batches: one system call reads up to DNS_BATCH, one sends the answers. A turn is bounded, so that a flood leaves time
 * for the rest of the agent; what does not fit into the socket's way back is dropped, as the network would. */
#include "dns/server.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>

enum { TURNS_MAX = 8 };

union control {
    struct cmsghdr header;
    char room[CMSG_SPACE(sizeof(struct in6_pktinfo))];
};

struct dns_udp_batch {
    struct mmsghdr in[DNS_BATCH], out[DNS_BATCH];
    struct iovec in_pieces[DNS_BATCH], out_pieces[DNS_BATCH];
    struct sockaddr_storage from[DNS_BATCH];
    union control control[DNS_BATCH];
    uint8_t packets[DNS_BATCH][DNS_UDP_IN_MAX];
    uint8_t *answers; /* DNS_BATCH of udp_out_max bytes */
};

void dns_udp_batch_new(struct dns_server *server) {
    if (server->batch) return;
    struct dns_udp_batch *batch = co_calloc(1, sizeof *batch);
    batch->answers = co_malloc(DNS_BATCH * server->udp_out_max);
    for (size_t i = 0; i < DNS_BATCH; i++) {
        batch->in_pieces[i] = (struct iovec){batch->packets[i], DNS_UDP_IN_MAX};
        batch->out_pieces[i] = (struct iovec){batch->answers + i * server->udp_out_max, 0};
        batch->in[i].msg_hdr =
            (struct msghdr){.msg_name = &batch->from[i], .msg_iov = &batch->in_pieces[i], .msg_iovlen = 1};
        batch->out[i].msg_hdr = (struct msghdr){.msg_iov = &batch->out_pieces[i], .msg_iovlen = 1};
    }
    server->batch = batch;
}

void dns_udp_batch_free(struct dns_server *server) {
    if (!server->batch) return;
    free(server->batch->answers);
    free(server->batch);
    server->batch = NULL;
}

static int receive(struct dns_listener *listener, struct dns_udp_batch *batch) {
    for (size_t i = 0; i < DNS_BATCH; i++) {
        struct msghdr *header = &batch->in[i].msg_hdr;
        header->msg_namelen = sizeof batch->from[i];
        header->msg_control = listener->has_packet_info ? &batch->control[i] : NULL;
        header->msg_controllen = listener->has_packet_info ? sizeof batch->control[i] : 0;
    }
    return recvmmsg(listener->fd, batch->in, DNS_BATCH, MSG_DONTWAIT, NULL);
}

/* From the address that was asked, whatever interface the way back takes. */
static void answer_from(struct msghdr *out, struct msghdr *in) {
    out->msg_control = NULL;
    out->msg_controllen = 0;
    struct cmsghdr *control = CMSG_FIRSTHDR(in);
    if (!control) return;
    if (control->cmsg_level == IPPROTO_IP && control->cmsg_type == IP_PKTINFO) {
        struct in_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        info.ipi_ifindex = 0;
        memcpy(CMSG_DATA(control), &info, sizeof info);
    } else if (control->cmsg_level == IPPROTO_IPV6 && control->cmsg_type == IPV6_PKTINFO) {
        struct in6_pktinfo info;
        memcpy(&info, CMSG_DATA(control), sizeof info);
        if (!IN6_IS_ADDR_LINKLOCAL(&info.ipi6_addr)) info.ipi6_ifindex = 0;
        memcpy(CMSG_DATA(control), &info, sizeof info);
    } else {
        return;
    }
    out->msg_control = in->msg_control;
    out->msg_controllen = in->msg_controllen;
}

static void send_answers(struct dns_listener *listener, struct dns_udp_batch *batch, size_t count) {
    size_t at = 0;
    while (at < count) {
        int sent = sendmmsg(listener->fd, batch->out + at, (unsigned)(count - at), MSG_DONTWAIT);
        if (sent > 0) {
            at += (size_t)sent;
        } else if (errno == EAGAIN || errno == ENOBUFS) {
            listener->server->dropped += count - at;
            return;
        } else if (errno != EINTR) {
            at++; /* this one cannot be sent: unreachable, or refused by a filter */
        }
    }
}

void dns_udp_ready(void *arg, unsigned events) {
    struct dns_listener *listener = arg;
    struct dns_server *server = listener->server;
    struct dns_udp_batch *batch = server->batch;
    (void)events;
    for (int turn = 0; turn < TURNS_MAX; turn++) {
        int count = receive(listener, batch);
        if (count <= 0) return;
        size_t answers = 0;
        server->begin(server->arg);
        for (int i = 0; i < count; i++) {
            struct msghdr *in = &batch->in[i].msg_hdr, *out = &batch->out[answers].msg_hdr;
            size_t size =
                server->serve(server->arg, batch->packets[i], batch->in[i].msg_len, false, out->msg_iov->iov_base);
            if (size == 0) continue;
            out->msg_iov->iov_len = size;
            out->msg_name = in->msg_name;
            out->msg_namelen = in->msg_namelen;
            if (listener->has_packet_info)
                answer_from(out, in);
            else
                out->msg_control = NULL, out->msg_controllen = 0;
            answers++;
        }
        send_answers(listener, batch, answers);
        server->finish(server->arg, (size_t)count);
        if (count < DNS_BATCH) return;
    }
}
