// Node memory: free lists by size, and destruction without recursion. Layer: autograd.
#include "node.h"

#include <new>

namespace torchy {

int64_t Node::live_ = 0;
thread_local uint64_t Node::sequence_counter = 0;
void (*release_metadata)(void* metadata) = nullptr;

namespace {
struct FreeNode {
  FreeNode* next;
};
constexpr size_t kStep = 64, kBuckets = 16;  // nodes up to 1 KiB are pooled
FreeNode* free_nodes[kBuckets];
int free_counts[kBuckets];

// Nodes whose count reached zero while another is being destroyed wait here.
thread_local std::vector<Node*>* pending = nullptr;
thread_local bool draining = false;
}  // namespace

void* Node::operator new(size_t size) {
  size_t bucket = (size + kStep - 1) / kStep;
  if (bucket < kBuckets && free_nodes[bucket]) {
    FreeNode* p = free_nodes[bucket];
    free_nodes[bucket] = p->next;
    --free_counts[bucket];
    return p;
  }
  return ::operator new(bucket * kStep);
}

void Node::operator delete(void* p, size_t size) {
  size_t bucket = (size + kStep - 1) / kStep;
  if (bucket < kBuckets && free_counts[bucket] < kPoolLimit) {
    auto* node = static_cast<FreeNode*>(p);
    node->next = free_nodes[bucket];
    free_nodes[bucket] = node;
    ++free_counts[bucket];
  } else {
    ::operator delete(p);
  }
}

Node::~Node() {
  --live_;
  for (uint32_t i = 0; i < num_edges_; ++i)
    if (edges_[i].node) edges_[i].node->release();
  if (edges_ != inline_edges_) delete[] edges_;
  if (metadata) release_metadata(metadata);
}

void Node::destroy(Node* node) {
  if (node->sequence_nr_ == UINT64_MAX && node->fall_asleep()) return;
  if (draining) {
    if (!pending) pending = new std::vector<Node*>();
    pending->push_back(node);
    return;
  }
  draining = true;
  delete node;
  while (pending && !pending->empty()) {
    Node* next = pending->back();
    pending->pop_back();
    delete next;
  }
  draining = false;
  if (pending && pending->capacity() > 65536) {
    delete pending;
    pending = nullptr;
  }
}

void Node::add_edge(Edge e) {
  if (num_edges_ == edge_capacity_) {
    auto* more = new Edge[edge_capacity_ * 2];
    std::copy(edges_, edges_ + num_edges_, more);
    if (edges_ != inline_edges_) delete[] edges_;
    edges_ = more;
    edge_capacity_ *= 2;
  }
  edges_[num_edges_++] = e;
}

void Node::replace_edge(uint32_t i, Edge e) {
  if (edges_[i].node) edges_[i].node->release();
  edges_[i] = e;
}

uint32_t Node::add_input(const TensorImpl* result) {
  if (num_inputs_ == 0) {
    first_input_.set(result);
  } else {
    if (!more_inputs_) more_inputs_ = std::make_unique<std::vector<GradMeta>>();
    more_inputs_->emplace_back();
    more_inputs_->back().set(result);
  }
  return num_inputs_++;
}

}  // namespace torchy
