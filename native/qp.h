// Reliable-connected queue pairs: createQp, modifyQp, queryQp.
#pragma once

#include "cq.h"

namespace farside {

class Qp : public Resource {
 public:
  static constexpr Kind kKind = Kind::qp;
  Qp(std::shared_ptr<Pd> pd, std::shared_ptr<Cq> cq, ibv_qp* qp, const ibv_qp_cap& cap, uint64_t extendedOps)
      : Resource(kKind, pd->library),
        qp(qp),
        pd(pd.get()),
        cq(cq.get()),
        cap(cap),
        extendedOps(extendedOps) {}

  ibv_qp* qp;
  Pd* pd;
  Cq* cq;
  const ibv_qp_cap cap;        // what was granted, not what was asked for
  const uint64_t extendedOps;  // of kSendOpFlush and kSendOpAtomicWrite, those it can post

 protected:
  int release() override;
};

// A queue pair that serves its peer and posts no verbs; null with errno set.
std::shared_ptr<Qp> openResponder(const std::shared_ptr<Pd>& pd, const std::shared_ptr<Cq>& cq,
                                  uint32_t receives);

// Attributes of ibv_modify_qp as options; false with a pending exception where one is wrong.
bool readQpAttributes(const Napi::CallbackInfo& info, size_t index, const char* verb, ibv_qp_attr* attributes,
                      int* mask);

void exportQp(Napi::Env env, Napi::Object exports);

}  // namespace farside
