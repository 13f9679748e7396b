/**
 * The models that the examples and commands train. Each is a list of layers for `sequential`.
 *
 * @module
 */

export * from "./autoencoder.ts";
export * from "./cnn.ts";
export * from "./gpt.ts";
export * from "./head.ts";
export * from "./mlp.ts";
export * from "./mobile_net.ts";
export * from "./resnet.ts";
export * from "./temporal_conv_net.ts";
export * from "./vgg.ts";
