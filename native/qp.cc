#include "qp.h"

#include <cerrno>
#include <cstring>

#include "errors.h"
#include "options.h"
#include "ring.h"

namespace farside {
namespace {

struct Wanted {
  ibv_qp_cap cap = {};
  uint64_t extendedOps = 0;
};

ibv_qp* create(const Pd& pd, const Cq& cq, Wanted* wanted) {
  if (wanted->extendedOps == 0) {
    ibv_qp_init_attr attributes = {};
    attributes.send_cq = attributes.recv_cq = cq.cq;
    attributes.cap = wanted->cap;
    attributes.qp_type = IBV_QPT_RC;
    ibv_qp* qp = pd.library.createQp(pd.pd, &attributes);
    if (qp != nullptr) wanted->cap = attributes.cap;
    return qp;
  }
  ibv_qp_init_attr_ex attributes = {};
  attributes.send_cq = attributes.recv_cq = cq.cq;
  attributes.cap = wanted->cap;
  attributes.qp_type = IBV_QPT_RC;
  attributes.comp_mask = IBV_QP_INIT_ATTR_PD | IBV_QP_INIT_ATTR_SEND_OPS_FLAGS;
  attributes.pd = pd.pd;
  attributes.send_ops_flags = wanted->extendedOps | IBV_QP_EX_WITH_RDMA_WRITE |
                              IBV_QP_EX_WITH_RDMA_WRITE_WITH_IMM | IBV_QP_EX_WITH_RDMA_READ |
                              IBV_QP_EX_WITH_ATOMIC_CMP_AND_SWP | IBV_QP_EX_WITH_ATOMIC_FETCH_AND_ADD;
  ibv_qp* qp = createQpEx(pd.pd->context, &attributes);
  if (qp != nullptr) wanted->cap = attributes.cap;
  return qp;
}

// A device refuses more inline bytes than it has, and does not say how many those are: ask for
// half.
ibv_qp* createWithInline(const Pd& pd, const Cq& cq, Wanted* wanted) {
  for (;;) {
    Wanted attempt = *wanted;
    errno = 0;
    ibv_qp* qp = create(pd, cq, &attempt);
    if (qp != nullptr) {
      *wanted = attempt;
      return qp;
    }
    if (wanted->cap.max_inline_data == 0 || (errno != EINVAL && errno != ENOMEM)) return nullptr;
    wanted->cap.max_inline_data /= 2;
  }
}

// Null with errno set.
std::shared_ptr<Qp> open(const std::shared_ptr<Pd>& pd, const std::shared_ptr<Cq>& cq, Wanted* wanted) {
  ibv_qp* qp = createWithInline(*pd, *cq, wanted);
  if (qp == nullptr) return nullptr;
  auto resource = makeResource<Qp>(pd, cq, qp, wanted->cap, wanted->extendedOps);
  resource->addParent(pd);
  resource->addParent(cq);
  return resource;
}

Napi::Value CreateQp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto pd = take<Pd>(info, 0, "createQp");
  if (!pd) return env.Undefined();
  auto cq = take<Cq>(info, 1, "createQp");
  if (!cq) return env.Undefined();
  if (pd->device != cq->device) {
    return throwType(env, "createQp: the completion queue belongs to another device");
  }
  Options options(info, 2, "createQp");
  Wanted wanted;
  wanted.cap.max_send_wr = static_cast<uint32_t>(options.integer("maxSendWr", 1, 1 << 20, 128));
  wanted.cap.max_recv_wr = static_cast<uint32_t>(options.integer("maxRecvWr", 0, 1 << 20, 0));
  wanted.cap.max_send_sge = 1;
  wanted.cap.max_recv_sge = 1;
  wanted.cap.max_inline_data = static_cast<uint32_t>(options.integer("maxInlineData", 0, 1 << 16, 0));
  if (options.flag("flush", false)) wanted.extendedOps |= kSendOpFlush;
  if (options.flag("atomicWrite", false)) wanted.extendedOps |= kSendOpAtomicWrite;
  if (!options.ok()) return env.Undefined();
  auto qp = open(pd, cq, &wanted);
  if (!qp) {
    int error = errno;
    return throwErrno(
        env, "createQp",
        format("%s, maxSendWr %u, maxRecvWr %u%s%s", pd->device->name.c_str(), wanted.cap.max_send_wr,
               wanted.cap.max_recv_wr, (wanted.extendedOps & kSendOpFlush) != 0 ? ", flush" : "",
               (wanted.extendedOps & kSendOpAtomicWrite) != 0 ? ", atomicWrite" : ""),
        error);
  }
  return makeHandle(env, qp);
}

struct StateName {
  const char* name;
  ibv_qp_state state;
};
constexpr StateName kStates[] = {{"reset", IBV_QPS_RESET}, {"init", IBV_QPS_INIT}, {"rtr", IBV_QPS_RTR},
                                 {"rts", IBV_QPS_RTS},     {"sqd", IBV_QPS_SQD},   {"sqe", IBV_QPS_SQE},
                                 {"err", IBV_QPS_ERR}};

const char* stateName(ibv_qp_state state) {
  for (const StateName& entry : kStates) {
    if (entry.state == state) return entry.name;
  }
  return "unknown";
}

bool readState(Options* options, Napi::Env env, const char* verb, ibv_qp_attr* attributes, int* mask) {
  if (!options->has("state")) return options->ok();
  const std::string name = options->text("state", "");
  for (const StateName& entry : kStates) {
    if (name != entry.name) continue;
    attributes->qp_state = entry.state;
    *mask |= IBV_QP_STATE;
    return true;
  }
  if (options->ok()) {
    throwType(env, std::string(verb) + ": state must be one of reset, init, rtr, rts, sqd, sqe, err");
  }
  return false;
}

bool readMtu(Options* options, Napi::Env env, const char* verb, ibv_qp_attr* attributes, int* mask) {
  if (!options->has("pathMtuBytes")) return options->ok();
  const double bytes = options->integer("pathMtuBytes", 256, 4096, 0);
  if (!options->ok()) return false;
  for (int mtu = IBV_MTU_256; mtu <= IBV_MTU_4096; mtu++) {
    if (bytes != 128 << mtu) continue;
    attributes->path_mtu = static_cast<ibv_mtu>(mtu);
    *mask |= IBV_QP_PATH_MTU;
    return true;
  }
  throwType(env, std::string(verb) + ": pathMtuBytes must be 256, 512, 1024, 2048 or 4096");
  return false;
}

// The address vector of a connected queue pair: a GID (RoCE), or a LID where there is none.
bool readAddress(Options* options, Napi::Env env, const char* verb, ibv_qp_attr* attributes, int* mask) {
  if (!options->has("destGid") && !options->has("destLid")) return options->ok();
  ibv_ah_attr& address = attributes->ah_attr;
  address.dlid = static_cast<uint16_t>(options->integer("destLid", 0, 65535, 0));
  address.port_num = static_cast<uint8_t>(options->integer("port", 1, 255, 1));
  *mask |= IBV_QP_AV;
  Napi::Value gid = options->value("destGid");
  if (!options->ok() || gid.IsUndefined()) return options->ok();
  if (!gid.IsBuffer() || gid.As<Napi::Buffer<uint8_t>>().Length() != sizeof(ibv_gid)) {
    throwType(env, std::string(verb) + ": destGid must be a Buffer of 16 bytes");
    return false;
  }
  address.is_global = 1;
  std::memcpy(address.grh.dgid.raw, gid.As<Napi::Buffer<uint8_t>>().Data(), sizeof(ibv_gid));
  address.grh.sgid_index = static_cast<uint8_t>(options->integer("gidIndex", 0, 255, 0));
  address.grh.hop_limit = static_cast<uint8_t>(options->integer("hopLimit", 1, 255, 64));
  address.grh.traffic_class = static_cast<uint8_t>(options->integer("trafficClass", 0, 255, 0));
  return options->ok();
}

Napi::Value ModifyQp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto qp = take<Qp>(info, 0, "modifyQp");
  if (!qp) return env.Undefined();
  ibv_qp_attr attributes = {};
  int mask = 0;
  if (!readQpAttributes(info, 1, "modifyQp", &attributes, &mask)) return env.Undefined();
  int error = errnoOf(qp->library.modifyQp(qp->qp, &attributes, mask));
  if (error == 0) return env.Undefined();
  return throwErrno(env, "modifyQp",
                    format("qp %u%s%s, mask 0x%x", qp->qp->qp_num, (mask & IBV_QP_STATE) != 0 ? " to " : "",
                           (mask & IBV_QP_STATE) != 0 ? stateName(attributes.qp_state) : "", mask),
                    error);
}

Napi::Value QueryQp(const Napi::CallbackInfo& info) {
  Napi::Env env = info.Env();
  auto qp = take<Qp>(info, 0, "queryQp");
  if (!qp) return env.Undefined();
  ibv_qp_attr attributes = {};
  ibv_qp_init_attr initial = {};
  const int mask = IBV_QP_STATE | IBV_QP_PATH_MTU | IBV_QP_MAX_QP_RD_ATOMIC;
  int error = errnoOf(qp->library.queryQp(qp->qp, &attributes, mask, &initial));
  if (error != 0) return throwErrno(env, "queryQp", format("qp %u", qp->qp->qp_num), error);
  Napi::Object result = Napi::Object::New(env);
  result.Set("qpNum", qp->qp->qp_num);
  result.Set("state", stateName(attributes.qp_state));
  result.Set("pathMtuBytes", 128 << attributes.path_mtu);
  result.Set("maxRdAtomic", attributes.max_rd_atomic);
  result.Set("maxSendWr", qp->cap.max_send_wr);
  result.Set("maxRecvWr", qp->cap.max_recv_wr);
  result.Set("maxInlineData", qp->cap.max_inline_data);
  return result;
}

}  // namespace

std::shared_ptr<Qp> openResponder(const std::shared_ptr<Pd>& pd, const std::shared_ptr<Cq>& cq,
                                  uint32_t receives) {
  Wanted wanted;
  wanted.cap.max_send_wr = wanted.cap.max_send_sge = wanted.cap.max_recv_sge = 1;
  wanted.cap.max_recv_wr = receives;
  return open(pd, cq, &wanted);
}

int Qp::release() {
  if (cq->ring != nullptr) cq->ring->forget(this);
  return errnoOf(library.destroyQp(qp));
}

bool readQpAttributes(const Napi::CallbackInfo& info, size_t index, const char* verb, ibv_qp_attr* attributes,
                      int* mask) {
  Options options(info, index, verb);
  if (!readState(&options, info.Env(), verb, attributes, mask)) return false;
  if (!readMtu(&options, info.Env(), verb, attributes, mask)) return false;
  if (!readAddress(&options, info.Env(), verb, attributes, mask)) return false;
  struct Field {
    const char* name;
    double high;
    int bit;
  };
  const auto read = [&](Field field, auto* into) {
    if (!options.has(field.name)) return;
    *into =
        static_cast<std::remove_reference_t<decltype(*into)>>(options.integer(field.name, 0, field.high, 0));
    *mask |= field.bit;
  };
  read({"destQpNum", 0xffffff, IBV_QP_DEST_QPN}, &attributes->dest_qp_num);
  read({"rqPsn", 0xffffff, IBV_QP_RQ_PSN}, &attributes->rq_psn);
  read({"sqPsn", 0xffffff, IBV_QP_SQ_PSN}, &attributes->sq_psn);
  read({"maxDestRdAtomic", 255, IBV_QP_MAX_DEST_RD_ATOMIC}, &attributes->max_dest_rd_atomic);
  read({"maxRdAtomic", 255, IBV_QP_MAX_QP_RD_ATOMIC}, &attributes->max_rd_atomic);
  read({"minRnrTimer", 31, IBV_QP_MIN_RNR_TIMER}, &attributes->min_rnr_timer);
  read({"timeout", 31, IBV_QP_TIMEOUT}, &attributes->timeout);
  read({"retryCnt", 7, IBV_QP_RETRY_CNT}, &attributes->retry_cnt);
  read({"rnrRetry", 7, IBV_QP_RNR_RETRY}, &attributes->rnr_retry);
  read({"pkeyIndex", 65535, IBV_QP_PKEY_INDEX}, &attributes->pkey_index);
  read({"portNum", 255, IBV_QP_PORT}, &attributes->port_num);
  read({"qpAccessFlags", 4294967295.0, IBV_QP_ACCESS_FLAGS}, &attributes->qp_access_flags);
  return options.ok();
}

void exportQp(Napi::Env env, Napi::Object exports) {
  exports.Set("createQp", Napi::Function::New(env, CreateQp));
  exports.Set("modifyQp", Napi::Function::New(env, ModifyQp));
  exports.Set("queryQp", Napi::Function::New(env, QueryQp));
}

}  // namespace farside
