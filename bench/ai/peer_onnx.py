"""The networks on one image by ONNX Runtime, as models whose bytes are written here (onnx.proto 3, opset 17)."""

import numpy
import onnxruntime

import peer_train

INT, INTS = 2, 7  # AttributeProto.AttributeType


def varint(number):
    out = b""
    while number > 127:
        out, number = out + bytes([number & 127 | 128]), number >> 7
    return out + bytes([number])


def field(number, value):
    """A field of a message: an integer, or what has a length."""
    if isinstance(value, int):
        return varint(number << 3) + varint(value)
    value = value.encode() if isinstance(value, str) else value
    return varint(number << 3 | 2) + varint(len(value)) + value


def attribute(name, value):
    if isinstance(value, int):
        return field(5, field(1, name) + field(3, value) + field(20, INT))
    return field(5, field(1, name) + b"".join(field(8, i) for i in value) + field(20, INTS))


def tensor_type(name, shape):
    sizes = b"".join(field(1, field(1, size)) for size in shape)
    return field(1, name) + field(2, field(1, field(1, 1) + field(2, sizes)))


class Model:
    def __init__(self, weights):
        self.weights, self.nodes, self.initialisers, self.values = list(weights), b"", b"", 0

    def node(self, kind, inputs, **attributes):
        self.values += 1
        name = f"v{self.values}"
        words = b"".join(field(1, i) for i in inputs) + field(2, name) + field(4, kind)
        self.nodes += field(1, words + b"".join(attribute(k, v) for k, v in attributes.items()))
        return name

    def weight(self):
        w = self.weights.pop(0).numpy()
        name = f"w{len(self.weights)}"
        sizes = b"".join(field(1, size) for size in w.shape)
        self.initialisers += field(5, sizes + field(2, 1) + field(8, name) + field(9, w.tobytes()))
        return name

    def conv(self, x, window, stride=1, pad=0):
        inputs = [x, self.weight(), self.weight()]
        return self.node("Conv", inputs, kernel_shape=[window] * 2, strides=[stride] * 2, pads=[pad] * 4)

    def relu(self, x):
        return self.node("Relu", [x])

    def pool(self, x):
        return self.node("MaxPool", [x], kernel_shape=[2, 2], strides=[2, 2])

    def dense(self, x):
        return self.node("Gemm", [x, self.weight(), self.weight()], transB=1)

    def bytes(self, shape, result):
        assert not self.weights
        graph = self.nodes + field(2, "network") + self.initialisers
        graph += field(11, tensor_type("image", shape)) + field(12, tensor_type(result, [1, 10]))
        return field(1, 8) + field(7, graph) + field(8, field(1, "") + field(2, 17))


def lenet5(m):
    x = m.pool(m.relu(m.conv("image", 5, 1, 2)))
    x = m.node("Flatten", [m.pool(m.relu(m.conv(x, 5)))])
    return m.dense(m.relu(m.dense(m.relu(m.dense(x)))))


def block(m, x, stride):
    y = m.conv(m.relu(m.conv(x, 3, stride, 1)), 3, 1, 1)
    return m.relu(m.node("Add", [m.conv(x, 1, stride) if stride != 1 else x, y]))


def resnet8(m):
    x = m.relu(m.conv("image", 3, 1, 1))
    for stride in (1, 2, 2):
        x = block(m, x, stride)
    return m.dense(m.node("Flatten", [m.node("GlobalAveragePool", [x])]))


conv = peer_train.conv
RESNET8 = (conv(16, 3, 3) + conv(16, 3, 16) * 2 + conv(32, 3, 16) + conv(32, 3, 32) + conv(32, 1, 16)
           + conv(64, 3, 32) + conv(64, 3, 64) + conv(64, 1, 32) + [(10, 64), (10,)])
NETWORKS = {"lenet5": (lenet5, peer_train.LENET5, 28, 1, 16), "resnet8": (resnet8, RESNET8, 32, 3, 64)}


class Inference:
    def __init__(self, name, data, threads):
        network, shapes, size, channels, flat = NETWORKS[name.split(".")[2]]
        numbers, pixels = numpy.fromfile(data, numpy.float32), size * size * channels
        image = numbers[:pixels].reshape(1, size, size, channels).transpose(0, 3, 1, 2)
        model = Model(peer_train.weights(numbers[pixels:], shapes, flat))
        result = network(model)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads, options.inter_op_num_threads = threads, 1
        options.add_session_config_entry("session.set_denormal_as_zero", "1")
        made = model.bytes(image.shape, result)
        self.session = onnxruntime.InferenceSession(made, options, providers=["CPUExecutionProvider"])
        self.binding = self.session.io_binding()  # no arrays are made in a run
        self.out = onnxruntime.OrtValue.ortvalue_from_shape_and_type([1, 10], numpy.float32)
        self.binding.bind_ortvalue_input("image", onnxruntime.OrtValue.ortvalue_from_numpy(numpy.ascontiguousarray(image)))
        self.binding.bind_ortvalue_output(result, self.out)
        self.mode = f"ONNX Runtime {onnxruntime.__version__} (bound input and output)"

    def run(self):
        self.session.run_with_iobinding(self.binding)

    def check(self):
        self.run()
        return self.out.numpy().reshape(-1)
