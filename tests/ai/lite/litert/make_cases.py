"""Writes random int8 operations with the outputs of LiteRT's reference kernels: make_cases.py FILE COUNT [BYTES].

With BYTES, larger cases are left out, and there are as many of each kind: golden.bin is 72 cases of at most
1,500 bytes, and needs no LiteRT to be compared with.

Half of the cases have scales that are powers of two, so that sums fall exactly between two results.
Only the wheel's own schema and flatbuffers are used to build the models. A case in the file, all
little-endian: 15 int32 (kind, rows, columns, in, out, window, stride, same, zero points, clamp,
and how many outputs), then per output channel the factor (double) and the bias (int32), then
weights, input and expected output (int8).
"""

import struct
import sys

import flatbuffers
import numpy as np
from ai_edge_litert import schema_py_generated as schema
from ai_edge_litert.interpreter import Interpreter, OpResolverType

CONV, DEPTHWISE, DENSE, DENSE_PER_CHANNEL, MAX_POOL, AVERAGE_POOL = range(6)
OPERATORS = {
    CONV: (schema.BuiltinOperator.CONV_2D, 3),
    DEPTHWISE: (schema.BuiltinOperator.DEPTHWISE_CONV_2D, 3),
    DENSE: (schema.BuiltinOperator.FULLY_CONNECTED, 4),
    DENSE_PER_CHANNEL: (schema.BuiltinOperator.FULLY_CONNECTED, 4),
    MAX_POOL: (schema.BuiltinOperator.MAX_POOL_2D, 2),
    AVERAGE_POOL: (schema.BuiltinOperator.AVERAGE_POOL_2D, 2),
}
NONE, RELU, RELU_N1_TO_1, RELU6 = range(4)


class Model:
    """A .tflite model of one operation."""

    def __init__(self):
        self.model = schema.ModelT()
        self.model.version = 3
        self.model.buffers = [schema.BufferT()]
        self.graph = schema.SubGraphT()
        self.graph.tensors = []
        self.model.subgraphs = [self.graph]

    def tensor(self, shape, type, scale, zero_point, data=None, axis=0):
        tensor = schema.TensorT()
        tensor.shape = [int(size) for size in shape]
        tensor.type = type
        tensor.name = "tensor%d" % len(self.graph.tensors)
        tensor.buffer = 0
        if data is not None:
            buffer = schema.BufferT()
            buffer.data = np.frombuffer(data.tobytes(), np.uint8)
            self.model.buffers.append(buffer)
            tensor.buffer = len(self.model.buffers) - 1
        tensor.quantization = schema.QuantizationParametersT()
        tensor.quantization.scale = np.atleast_1d(np.asarray(scale, np.float32))
        tensor.quantization.zeroPoint = np.full(len(tensor.quantization.scale), zero_point, np.int64)
        tensor.quantization.quantizedDimension = axis
        self.graph.tensors.append(tensor)
        return len(self.graph.tensors) - 1

    def operate(self, kind, inputs, output, options_type, options):
        code = schema.OperatorCodeT()
        code.builtinCode, code.version = OPERATORS[kind]
        code.deprecatedBuiltinCode = code.builtinCode
        self.model.operatorCodes = [code]
        operator = schema.OperatorT()
        operator.opcodeIndex = 0
        operator.inputs, operator.outputs = inputs, [output]
        operator.builtinOptionsType, operator.builtinOptions = options_type, options
        self.graph.operators = [operator]
        self.graph.inputs, self.graph.outputs = [inputs[0]], [output]

    def run(self, x):
        builder = flatbuffers.Builder(1024)
        builder.Finish(self.model.Pack(builder), file_identifier=b"TFL3")
        interpreter = Interpreter(model_content=bytes(builder.Output()),
                                  experimental_op_resolver_type=OpResolverType.BUILTIN_REF)
        interpreter.allocate_tensors()
        interpreter.set_tensor(interpreter.get_input_details()[0]["index"], x)
        interpreter.invoke()
        return interpreter.get_tensor(interpreter.get_output_details()[0]["index"])


def clamp_of(activation, scale, zero_point):
    """Where TFLite's fused activations cut, as CalculateActivationRangeQuantized has it."""
    away = lambda x: int(np.copysign(np.floor(np.abs(x) + np.float32(0.5)), x))  # ties away from zero
    at = lambda real: zero_point + away(np.float32(real) / scale)
    limits = {NONE: (-128, 127), RELU: (at(0), 127), RELU_N1_TO_1: (at(-1), at(1)), RELU6: (at(0), at(6))}
    least, greatest = limits[activation]
    return max(-128, least), min(127, greatest)


def options_of(kind, window, stride, same, activation, multiplier):
    if kind in (DENSE, DENSE_PER_CHANNEL):
        options = schema.FullyConnectedOptionsT()
        options.fusedActivationFunction = activation
        return schema.BuiltinOptions.FullyConnectedOptions, options
    name = {CONV: "Conv2DOptions", DEPTHWISE: "DepthwiseConv2DOptions"}.get(kind, "Pool2DOptions")
    options = getattr(schema, name + "T")()
    options.padding = 0 if same else 1
    options.strideH, options.strideW = stride
    options.fusedActivationFunction = activation
    if name == "Pool2DOptions":
        options.filterHeight, options.filterWidth = window
    else:
        options.dilationHFactor = options.dilationWFactor = 1
    if kind == DEPTHWISE:
        options.depthMultiplier = multiplier
    return getattr(schema.BuiltinOptions, name), options


def make_case(random, number):
    kind, ties = number % 6, number // 6 % 2 == 1
    pool, dense = kind in (MAX_POOL, AVERAGE_POOL), kind in (DENSE, DENSE_PER_CHANNEL)
    integer = lambda least, greatest: int(random.integers(least, greatest + 1))
    rows, columns, channels, out = integer(1, 15), integer(1, 15), integer(1, 16), integer(1, 24)
    window, stride = [integer(1, 5), integer(1, 5)], [integer(1, 3), integer(1, 3)]
    multiplier = integer(1, 3)
    if dense:
        rows, columns, channels, out, window, stride = 1, 1, integer(1, 128), integer(1, 256), [1, 1], [1, 1]
    if kind == DEPTHWISE:
        out = channels * multiplier
    if pool:
        out = channels
    same = dense or bool(integer(0, 1)) or rows < window[0] or columns < window[1]
    size = [-(-n // s) if same else (n - w) // s + 1 for n, w, s in zip((rows, columns), window, stride)]
    taps = {CONV: window[0] * window[1] * channels, DEPTHWISE: window[0] * window[1]}.get(kind, channels)

    in_scale = np.float32(2.0 ** -5 if ties else random.uniform(0.005, 0.1))
    in_zero, out_zero = integer(-128, 127), integer(-128, 127)
    scales = 1 if kind == DENSE else out
    scale = (2.0 ** -random.integers(5, 8, scales) if ties else random.uniform(0.001, 0.02, scales)).astype(np.float32)
    spread = 74 * 74 * np.sqrt(taps) * 1.4
    real = in_scale * scale.mean() * spread
    out_scale = np.float32(2.0 ** np.round(np.log2(real / 40)) if ties else real / random.uniform(20, 80))
    if pool:
        out_scale, out_zero = in_scale, in_zero
    activation = NONE if kind == MAX_POOL else integer(NONE, RELU6)
    clamp = clamp_of(activation, out_scale, out_zero)
    bias = random.integers(-int(spread), int(spread) + 1, out).astype(np.int32)
    shape = {CONV: (out, *window, channels), DEPTHWISE: (1, *window, out)}.get(kind, (out, channels))
    weights = random.integers(-127, 128, shape).astype(np.int8)
    x = random.integers(-128, 128, (1, channels) if dense else (1, rows, columns, channels)).astype(np.int8)

    model = Model()
    inputs = [model.tensor(x.shape, schema.TensorType.INT8, in_scale, in_zero)]
    if not pool:
        axis = 3 if kind == DEPTHWISE else 0
        inputs.append(model.tensor(shape, schema.TensorType.INT8, scale, 0, weights, axis))
        inputs.append(model.tensor((out,), schema.TensorType.INT32, in_scale * scale, 0, bias))
    output = model.tensor((1, out) if dense else (1, *size, out), schema.TensorType.INT8, out_scale, out_zero)
    model.operate(kind, inputs, output, *options_of(kind, window, stride, same, activation, multiplier))
    y = model.run(x)

    if kind == DENSE:  # per tensor, TFLite multiplies the two scales as float32
        factor = np.full(out, float(in_scale * scale[0]) / float(out_scale))
    else:
        factor = np.broadcast_to(float(in_scale) * scale.astype(np.float64) / float(out_scale), out)
    head = struct.pack("<15i", kind, rows, columns, channels, out, *window, *stride, same, in_zero, out_zero,
                       *clamp, y.size)
    if pool:
        return head + x.tobytes() + y.tobytes()
    return head + factor.astype("<f8").tobytes() + bias.astype("<i4").tobytes() + weights.tobytes() + \
        x.tobytes() + y.tobytes()


def main():
    random = np.random.default_rng(2026)
    limit = int(sys.argv[3]) if len(sys.argv) > 3 else None
    number, count, written = 0, int(sys.argv[2]), [0] * 6
    with open(sys.argv[1], "wb") as file:
        while sum(written) < count:
            kind, case = number % 6, make_case(random, number)
            number += 1
            if limit is None or (len(case) <= limit and written[kind] < count // 6):
                file.write(case)
                written[kind] += 1


main()
