// Making and unmaking the fake device's objects: the slow half of the table.
#include "objects.h"

#include <sys/eventfd.h>
#include <sys/resource.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "fake.h"

namespace farside::fake {
namespace {

constexpr const char* kDeviceName = "fake0";
constexpr int kMaxQpWr = 16384;
constexpr int kMaxCqe = 1 << 20;

struct FakeDevice {
  ibv_device device;
  verbs_context extended;
};

int reqNotifyCq(ibv_cq* base, int) {
  std::lock_guard<std::mutex> guard(world().lock);
  reinterpret_cast<FakeCq*>(base)->armed = true;
  return 0;
}

int queryPort(ibv_context*, uint8_t port, ibv_port_attr* attributes, size_t) {
  if (port != 1) return EINVAL;
  *attributes = {};
  attributes->state = IBV_PORT_ACTIVE;
  attributes->max_mtu = IBV_MTU_4096;
  attributes->active_mtu = world().activeMtu;
  attributes->gid_tbl_len = 2;
  attributes->max_msg_sz = 1u << 31;
  attributes->link_layer = IBV_LINK_LAYER_ETHERNET;
  return 0;
}

int queryDeviceEx(ibv_context*, const ibv_query_device_ex_input*, ibv_device_attr_ex* attributes, size_t) {
  std::lock_guard<std::mutex> guard(world().lock);
  attributes->device_cap_flags_ex = kDeviceAtomicWrite;
  if (world().flush) attributes->device_cap_flags_ex |= kDeviceFlushGlobal | kDeviceFlushPersistent;
  return 0;
}

ibv_qp* makeQp(ibv_pd* pd, ibv_cq* cq, ibv_qp_cap* cap, bool extended) {
  std::lock_guard<std::mutex> guard(world().lock);
  if (cap->max_inline_data > world().maxInlineData || cap->max_send_wr > kMaxQpWr) {
    errno = EINVAL;
    return nullptr;
  }
  auto* qp = new FakeQp{};
  qp->qp.qp_base.context = pd->context;
  qp->qp.qp_base.pd = pd;
  qp->qp.qp_base.send_cq = qp->qp.qp_base.recv_cq = cq;
  qp->qp.qp_base.qp_num = world().nextQpNum++;
  qp->qp.qp_base.state = IBV_QPS_RESET;
  qp->qp.qp_base.qp_type = IBV_QPT_RC;
  qp->cq = reinterpret_cast<FakeCq*>(cq);
  qp->cap = *cap;
  qp->mtu = world().activeMtu;
  if (extended) bindExtended(qp);
  world().queuePairs[qp->qp.qp_base.qp_num] = qp;
  return &qp->qp.qp_base;
}

ibv_qp* createQpEx(ibv_context*, ibv_qp_init_attr_ex* attributes) {
  return makeQp(attributes->pd, attributes->send_cq, &attributes->cap, true);
}

FakeDevice* device() {
  static FakeDevice* device = [] {
    auto* made = static_cast<FakeDevice*>(calloc(1, sizeof(FakeDevice)));
    strcpy(made->device.name, kDeviceName);
    made->device.node_type = IBV_NODE_CA;
    made->device.transport_type = IBV_TRANSPORT_IB;
    made->extended.sz = sizeof(verbs_context);
    made->extended.query_port = queryPort;
    made->extended.query_device_ex = queryDeviceEx;
    made->extended.create_qp_ex = createQpEx;
    ibv_context& context = made->extended.context;
    context.device = &made->device;
    context.abi_compat = __VERBS_ABI_IS_EXTENDED;
    context.num_comp_vectors = 1;
    context.ops.post_send = postSend;
    context.ops.post_recv = postRecv;
    context.ops.poll_cq = pollCq;
    context.ops.req_notify_cq = reqNotifyCq;
    return made;
  }();
  return device;
}

ibv_device** getDeviceList(int* count) {
  auto** list = static_cast<ibv_device**>(calloc(2, sizeof(ibv_device*)));
  list[0] = &device()->device;
  if (count != nullptr) *count = 1;
  return list;
}

int queryDevice(ibv_context*, ibv_device_attr* attributes) {
  *attributes = {};
  strcpy(attributes->fw_ver, "fake");
  attributes->max_mr_size = UINT64_MAX;
  attributes->max_qp = attributes->max_cq = attributes->max_mr = 1 << 20;
  attributes->max_qp_wr = kMaxQpWr;
  attributes->max_sge = 1;
  attributes->max_cqe = kMaxCqe;
  attributes->max_qp_rd_atom = attributes->max_qp_init_rd_atom = world().readsMax;
  attributes->atomic_cap = IBV_ATOMIC_HCA;
  attributes->phys_port_cnt = 1;
  return 0;
}

ssize_t queryGidEx(ibv_context*, uint32_t port, uint32_t index, ibv_gid_entry* entry, uint32_t, size_t) {
  if (port != 1 || index > 1) return -ENODATA;
  *entry = {};
  entry->gid.raw[10] = entry->gid.raw[11] = 0xff;
  entry->gid.raw[12] = 127;
  entry->gid.raw[15] = 1;
  entry->gid_index = index;
  entry->port_num = port;
  entry->gid_type = index == 0 ? IBV_GID_TYPE_ROCE_V1 : IBV_GID_TYPE_ROCE_V2;
  return 0;
}

ibv_pd* allocPd(ibv_context* context) {
  auto* pd = new FakePd{};
  pd->pd.context = context;
  return &pd->pd;
}

int deallocPd(ibv_pd* pd) {
  delete reinterpret_cast<FakePd*>(pd);
  return 0;
}

// As the kernel does for who has not CAP_IPC_LOCK; tests ask for it, since most run where the limit is low.
bool exceedsLockLimit(size_t length) {
  if (getenv("FARSIDE_FAKE_LOCK_LIMIT") == nullptr) return false;
  rlimit limit = {};
  getrlimit(RLIMIT_MEMLOCK, &limit);
  return limit.rlim_cur != RLIM_INFINITY && world().lockedBytes + length > limit.rlim_cur;
}

ibv_mr* regMr(ibv_pd* pd, void* address, size_t length, int access) {
  std::lock_guard<std::mutex> guard(world().lock);
  // As the real ones: remote writes and atomics need local ones.
  if ((access & (IBV_ACCESS_REMOTE_WRITE | IBV_ACCESS_REMOTE_ATOMIC)) != 0 &&
      (access & IBV_ACCESS_LOCAL_WRITE) == 0) {
    errno = EINVAL;
    return nullptr;
  }
  if (!world().flush && (access & (kAccessFlushGlobal | kAccessFlushPersistent)) != 0) {
    errno = EINVAL;
    return nullptr;
  }
  if (exceedsLockLimit(length)) {
    errno = ENOMEM;
    return nullptr;
  }
  world().lockedBytes += length;
  auto* mr = new FakeMr{};
  mr->mr.context = pd->context;
  mr->mr.pd = pd;
  mr->mr.addr = address;
  mr->mr.length = length;
  mr->mr.lkey = mr->mr.rkey = world().nextKey++;
  mr->access = static_cast<unsigned>(access);
  if ((mr->access & kAccessFlushPersistent) != 0) {
    auto* words = static_cast<const uint64_t*>(address);
    mr->durable.assign(words, words + length / 8);
  }
  world().regions[mr->mr.lkey] = mr;
  return &mr->mr;
}

int deregMr(ibv_mr* mr) {
  std::lock_guard<std::mutex> guard(world().lock);
  world().regions.erase(mr->lkey);
  world().lockedBytes -= mr->length;
  delete reinterpret_cast<FakeMr*>(mr);
  return 0;
}

ibv_comp_channel* createCompChannel(ibv_context* context) {
  auto* channel = new FakeChannel{};
  channel->channel.context = context;
  channel->channel.fd = eventfd(0, EFD_SEMAPHORE | EFD_CLOEXEC);
  return &channel->channel;
}

int destroyCompChannel(ibv_comp_channel* channel) {
  close(channel->fd);
  delete reinterpret_cast<FakeChannel*>(channel);
  return 0;
}

ibv_cq* createCq(ibv_context* context, int cqe, void* cqContext, ibv_comp_channel* channel, int) {
  if (cqe > kMaxCqe) {
    errno = EINVAL;
    return nullptr;
  }
  auto* cq = new FakeCq{};
  cq->cq.context = context;
  cq->cq.channel = channel;
  cq->cq.cq_context = cqContext;
  cq->cq.cqe = cqe;
  return &cq->cq;
}

int destroyCq(ibv_cq* cq) {
  std::lock_guard<std::mutex> guard(world().lock);
  if (cq->channel != nullptr) {
    auto& events = reinterpret_cast<FakeChannel*>(cq->channel)->events;
    std::replace(events.begin(), events.end(), cq, static_cast<ibv_cq*>(nullptr));
  }
  delete reinterpret_cast<FakeCq*>(cq);
  return 0;
}

int getCqEvent(ibv_comp_channel* channel, ibv_cq** cq, void** cqContext) {
  uint64_t one = 0;
  if (read(channel->fd, &one, sizeof(one)) != sizeof(one)) return -1;
  std::lock_guard<std::mutex> guard(world().lock);
  auto& events = reinterpret_cast<FakeChannel*>(channel)->events;
  *cq = events.front();
  *cqContext = *cq == nullptr ? nullptr : (*cq)->cq_context;
  events.pop_front();
  return 0;
}

ibv_qp* createQp(ibv_pd* pd, ibv_qp_init_attr* attributes) {
  return makeQp(pd, attributes->send_cq, &attributes->cap, false);
}

int modifyQp(ibv_qp* base, ibv_qp_attr* attributes, int mask) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* qp = reinterpret_cast<FakeQp*>(base);
  if ((mask & IBV_QP_PATH_MTU) != 0 && attributes->path_mtu > world().activeMtu) return EINVAL;
  const uint8_t most = world().readsMax;
  if ((mask & IBV_QP_MAX_QP_RD_ATOMIC) != 0 && attributes->max_rd_atomic > most) return EINVAL;
  if ((mask & IBV_QP_MAX_DEST_RD_ATOMIC) != 0 && attributes->max_dest_rd_atomic > most) return EINVAL;
  if ((mask & IBV_QP_DEST_QPN) != 0) qp->destination = attributes->dest_qp_num;
  if ((mask & IBV_QP_PATH_MTU) != 0) qp->mtu = attributes->path_mtu;
  if ((mask & IBV_QP_MAX_QP_RD_ATOMIC) != 0) qp->maxRdAtomic = attributes->max_rd_atomic;
  if ((mask & IBV_QP_STATE) == 0) return 0;
  const ibv_qp_state from = base->state, to = attributes->qp_state;
  if (to == IBV_QPS_ERR) {
    fail(qp);
    return 0;
  }
  const bool next = (from == IBV_QPS_RESET && to == IBV_QPS_INIT) ||
                    (from == IBV_QPS_INIT && to == IBV_QPS_RTR && (mask & IBV_QP_DEST_QPN) != 0) ||
                    (from == IBV_QPS_RTR && to == IBV_QPS_RTS) || to == IBV_QPS_RESET;
  if (!next) return EINVAL;
  base->state = to;
  return 0;
}

int queryQp(ibv_qp* base, ibv_qp_attr* attributes, int, ibv_qp_init_attr* initial) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* qp = reinterpret_cast<FakeQp*>(base);
  *attributes = {};
  *initial = {};
  attributes->qp_state = base->state;
  attributes->path_mtu = qp->mtu;
  attributes->max_rd_atomic = qp->maxRdAtomic;
  attributes->dest_qp_num = qp->destination;
  initial->cap = qp->cap;
  return 0;
}

int destroyQp(ibv_qp* base) {
  std::lock_guard<std::mutex> guard(world().lock);
  auto* qp = reinterpret_cast<FakeQp*>(base);
  // Some devices leave a dead queue pair's completions in the queue; so does this one.
  for (FakeCompletion& completion : qp->cq->entries) {
    if (completion.qp == qp) completion.qp = nullptr;
  }
  world().queuePairs.erase(base->qp_num);
  delete qp;
  return 0;
}

Library makeLibrary() {
  Library t = {};
  t.getDeviceList = getDeviceList;
  t.freeDeviceList = [](ibv_device** list) { free(list); };
  t.getDeviceName = [](ibv_device* device) -> const char* { return device->name; };
  t.openDevice = [](ibv_device*) { return context(); };
  t.closeDevice = [](ibv_context*) { return 0; };
  t.queryDevice = queryDevice;
  t.queryGidEx = queryGidEx;
  t.allocPd = allocPd;
  t.deallocPd = deallocPd;
  t.regMr = regMr;
  t.deregMr = deregMr;
  t.createCompChannel = createCompChannel;
  t.destroyCompChannel = destroyCompChannel;
  t.createCq = createCq;
  t.destroyCq = destroyCq;
  t.getCqEvent = getCqEvent;
  t.ackCqEvents = [](ibv_cq*, unsigned) {};
  t.createQp = createQp;
  t.modifyQp = modifyQp;
  t.queryQp = queryQp;
  t.destroyQp = destroyQp;
  fillConnectionManager(&t);
  onWires({[](WireId wire, const Frame& frame, const Payload& payload) {
             const bool work = frame.kind == FrameKind::kWork || frame.kind == FrameKind::kAnswer;
             (work ? heardOfWork : heardOfConnection)(wire, frame, payload);
           },
           [](WireId wire) {
             workEnded(wire);
             connectionEnded(wire);
           }});
  return t;
}

}  // namespace

// The low 12 bits count, the others are of the process: pids that live together differ in them.
uint32_t firstQpNum() {
  return hasNetwork() ? (static_cast<uint32_t>(getpid()) & 0xfff) << 12 | 1 : 1;
}

World& world() {
  static auto* world = new World();  // outlives threads that still close things at exit
  return *world;
}

ibv_context* context() { return &device()->extended.context; }

bool isDefault() { return hasNetwork(); }

const Library& library() {
  static const Library library = makeLibrary();
  return library;
}

}  // namespace farside::fake
