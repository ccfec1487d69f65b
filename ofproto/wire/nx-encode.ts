// Nicira's extension actions, the writing half: what a version has no form of its own for.

import type { Writer } from '../../lib/cursors.ts';
import { OFPP, type OfAction, type Subfield } from '../model/actions.ts';
import { bigintOf, type Field, field, portTo16 } from '../model/fields.ts';
import { maskRange } from '../model/full-mask.ts';
import { BUNDLE_ALGORITHMS, HASH_FIELDS, MULTIPATH_ALGORITHMS } from '../model/nicira.ts';
import type { ActionEncoder } from './action-encoder.ts';
import type { NxContext } from './nx-actions.ts';
import { encodeController2 } from './nx-controller.ts';
import { encodeCt, encodeNat } from './nx-ct.ts';
import { encodeEncap } from './nx-encap.ts';
import { isWide, ofsNbits, writeHeader } from './nx-fields.ts';
import { encodeLearn } from './nx-learn.ts';
import * as NX from './nx-numbers.ts';
import { NXM } from './oxm.ts';
import { writeField } from './oxm-encode.ts';

/** Writes an action that the version has no form of its own for. */
export function encodeNxAction(e: ActionEncoder, a: OfAction, context: NxContext): void {
  switch (a.type) {
    case 'resubmit':
      encodeResubmit(e, a);
      break;
    case 'goto_table':
      e.nicira(NX.NXAST_RESUBMIT_TABLE, (w) => w.u16(0xfff8).u8(a.tableId).zeros(3));
      break;
    case 'set_tunnel':
      if (a.wide) e.nicira(NX.NXAST_SET_TUNNEL64, (w) => w.zeros(6).u64(a.tunId));
      else e.nicira(NX.NXAST_SET_TUNNEL, (w) => w.zeros(2).u32(Number(a.tunId)));
      break;
    case 'set_queue':
      e.nicira(NX.NXAST_SET_QUEUE, (w) => w.zeros(2).u32(a.queue));
      break;
    case 'enqueue':
    case 'pop_queue':
      e.nicira(NX.NXAST_POP_QUEUE, (w) => w.zeros(6));
      break;
    case 'reg_move':
      e.nicira(NX.NXAST_REG_MOVE, (w) => {
        w.u16(a.src.bits).u16(a.src.ofs).u16(a.dst.ofs);
        writeHeader(writeHeader(w, a.src.field), a.dst.field);
      });
      break;
    case 'set_field':
      encodeLoads(e, a);
      break;
    case 'set_ip_ecn':
      encodeLoads(e, { field: field('nw_ecn'), value: Uint8Array.of(a.ecn), mask: Uint8Array.of(3) });
      break;
    case 'set_ip_ttl':
      encodeLoads(e, { field: field('nw_ttl'), value: Uint8Array.of(a.ttl), mask: Uint8Array.of(255) });
      break;
    case 'note':
      e.nicira(NX.NXAST_NOTE, (w) => w.put(a.data).zeros(a.data.length < 6 ? 6 - a.data.length : 0));
      break;
    case 'output_reg':
      encodeOutputReg(e, a.src, a.maxLen);
      break;
    case 'learn':
      encodeLearn(e, a.spec);
      break;
    case 'controller':
      encodeController(e, a);
      break;
    case 'clone':
      e.nicira(NX.NXAST_CLONE, (w) => {
        w.zeros(6);
        context.encodeNested(w, a.actions);
      });
      break;
    default:
      encodeNxRest(e, a, context);
  }
}

function encodeNxRest(e: ActionEncoder, a: OfAction, context: NxContext): void {
  switch (a.type) {
    case 'multipath':
      e.nicira(NX.NXAST_MULTIPATH, (w) => {
        w.u16(indexIn(HASH_FIELDS, a.fields)).u16(a.basis).zeros(2).u16(indexIn(MULTIPATH_ALGORITHMS, a.algorithm));
        writeHeader(w.u16(a.maxLink).u32(a.arg).zeros(2).u16(ofsNbits(a.dst)), a.dst.field);
      });
      break;
    case 'bundle':
      e.nicira(a.dst ? NX.NXAST_BUNDLE_LOAD : NX.NXAST_BUNDLE, (w) => {
        w.u16(indexIn(BUNDLE_ALGORITHMS, a.algorithm)).u16(indexIn(HASH_FIELDS, a.fields)).u16(a.basis);
        w.u32(NX.NXM_OF_IN_PORT).u16(a.slaves.length);
        if (a.dst) writeHeader(w.u16(ofsNbits(a.dst)), a.dst.field).zeros(4);
        else w.zeros(10);
        for (const port of a.slaves) w.u16(portTo16(port));
      });
      break;
    case 'exit':
      e.nicira(NX.NXAST_EXIT, (w) => w.zeros(6));
      break;
    case 'dec_ttl':
      if (a.controllerIds.length === 0) e.nicira(NX.NXAST_DEC_TTL, (w) => w.zeros(6));
      else
        e.nicira(NX.NXAST_DEC_TTL_CNT_IDS, (w) => {
          w.u16(a.controllerIds.length).zeros(4);
          for (const id of a.controllerIds) w.u16(id);
        });
      break;
    case 'fin_timeout':
      e.nicira(NX.NXAST_FIN_TIMEOUT, (w) => w.u16(a.idleTimeout).u16(a.hardTimeout).zeros(2));
      break;
    case 'write_metadata':
      e.nicira(NX.NXAST_WRITE_METADATA, (w) => w.zeros(6).u64(a.metadata).u64(a.mask));
      break;
    case 'stack_push':
    case 'stack_pop':
      e.nicira(a.type === 'stack_push' ? NX.NXAST_STACK_PUSH : NX.NXAST_STACK_POP, (w) => {
        padStack(writeHeader(w.u16(a.subfield.ofs), a.subfield.field).u16(a.subfield.bits), a.subfield.field);
      });
      break;
    case 'sample':
      encodeSample(e, a);
      break;
    case 'conjunction':
      e.nicira(NX.NXAST_CONJUNCTION, (w) => w.u8(a.clause).u8(a.nClauses).u32(a.id));
      break;
    case 'output_trunc':
      e.nicira(NX.NXAST_OUTPUT_TRUNC, (w) => w.u16(portTo16(a.port)).u32(a.maxLen));
      break;
    case 'group':
      e.nicira(NX.NXAST_GROUP, (w) => w.zeros(2).u32(a.groupId));
      break;
    case 'ct':
      encodeCt(e, a.spec, context);
      break;
    case 'nat':
      encodeNat(e, a.spec);
      break;
    case 'encap':
      encodeEncap(e, a);
      break;
    case 'decap':
      e.nicira(NX.NXAST_DECAP, (w) => w.zeros(2).u32(a.newPacketType));
      break;
    case 'check_pkt_larger':
      e.nicira(NX.NXAST_CHECK_PKT_LARGER, (w) => padTo24(writeHeader(w.u16(a.maxLen).u16(a.dst.ofs), a.dst.field)));
      break;
    case 'delete_field':
      e.nicira(NX.NXAST_DELETE_FIELD, (w) => padTo24(writeHeader(w, a.field)));
      break;
    default:
      encodeNxSmall(e, a);
  }
}

/** Actions of one number at most. */
function encodeNxSmall(e: ActionEncoder, a: OfAction): void {
  switch (a.type) {
    case 'push_mpls':
    case 'pop_mpls':
      e.nicira(a.type === 'push_mpls' ? NX.NXAST_PUSH_MPLS : NX.NXAST_POP_MPLS, (w) => w.u16(a.ethertype).zeros(4));
      break;
    case 'set_mpls_label':
      e.nicira(NX.NXAST_SET_MPLS_LABEL, (w) => w.zeros(2).u32(a.label));
      break;
    case 'set_mpls_tc':
      e.nicira(NX.NXAST_SET_MPLS_TC, (w) => w.u8(a.tc).zeros(5));
      break;
    case 'set_mpls_ttl':
      e.nicira(NX.NXAST_SET_MPLS_TTL, (w) => w.u8(a.ttl).zeros(5));
      break;
    case 'dec_mpls_ttl':
      e.nicira(NX.NXAST_DEC_MPLS_TTL, (w) => w.zeros(6));
      break;
    case 'dec_nsh_ttl':
      e.nicira(NX.NXAST_DEC_NSH_TTL, (w) => w.zeros(6));
      break;
    case 'ct_clear':
      e.nicira(NX.NXAST_CT_CLEAR, (w) => w.zeros(6));
      break;
    case 'debug_slow':
      e.nicira(NX.NXAST_DEBUG_SLOW, (w) => w.zeros(6));
      break;
    case 'debug_recirc':
      e.nicira(NX.NXAST_DEBUG_RECIRC, (w) => w.zeros(6));
      break;
    default:
      // Standard actions and instructions never come here.
      break;
  }
}

function encodeOutputReg(e: ActionEncoder, src: Subfield, maxLen: number): void {
  if (isWide(src.field)) {
    e.nicira(NX.NXAST_OUTPUT_REG2, (w) => writeHeader(w.u16(ofsNbits(src)).u16(maxLen), src.field).zeros(2));
  } else {
    e.nicira(NX.NXAST_OUTPUT_REG, (w) =>
      writeHeader(w.u16(ofsNbits(src)), src.field)
        .u16(maxLen)
        .zeros(6),
    );
  }
}

const SAMPLE_DIRECTIONS = { ingress: 1, egress: 2 } as const;

function encodeSample(e: ActionEncoder, a: Extract<OfAction, { type: 'sample' }>): void {
  const base = (w: Writer) => w.u16(a.probability).u32(a.collectorSetId).u32(a.obsDomainId).u32(a.obsPointId);
  if (a.samplingPort === undefined && !a.direction) {
    e.nicira(NX.NXAST_SAMPLE, base);
    return;
  }
  const direction = a.direction ? SAMPLE_DIRECTIONS[a.direction] : 0;
  e.nicira(a.direction ? NX.NXAST_SAMPLE3 : NX.NXAST_SAMPLE2, (w) =>
    base(w)
      .u16(portTo16(a.samplingPort ?? OFPP.ANY))
      .u8(direction)
      .zeros(5),
  );
}

/** stack_push and stack_pop are 24 bytes long. */
function padStack(w: Writer, f: Field): void {
  w.zeros(isWide(f) ? 2 : 6);
}

/** These actions are 24 bytes long whatever the size of their header. */
function padTo24(w: Writer): void {
  w.zeros(6).pad(8);
}

function indexIn(list: readonly string[], name: string): number {
  return Math.max(0, list.indexOf(name));
}

function encodeResubmit(e: ActionEncoder, a: Extract<OfAction, { type: 'resubmit' }>): void {
  const subtype = a.withCtOrig ? NX.NXAST_RESUBMIT_TABLE_CT : NX.NXAST_RESUBMIT_TABLE;
  e.nicira(subtype, (w) => w.u16(portTo16(a.inPort)).u8(a.tableId).zeros(3));
}

function encodeController(e: ActionEncoder, a: Extract<OfAction, { type: 'controller' }>): void {
  if (a.userdata?.length || a.pause || a.meterId) encodeController2(e, a);
  else e.nicira(NX.NXAST_CONTROLLER, (w) => w.u16(a.maxLen).u16(a.controllerId).u8(a.reason).zeros(1));
}

/**
 * One REG_LOAD for each run of ones in the mask, at most 64 bits each, lowest first; REG_LOAD2 for fields that REG_LOAD has
 * no room to name, and for tunnel metadata.
 */
function encodeLoads(e: ActionEncoder, a: { field: Field; value: Uint8Array; mask: Uint8Array }): void {
  if (isWide(a.field) || a.field.tlvSlot >= 0) {
    e.nicira(NX.NXAST_REG_LOAD2, (w) => writeField(w, a.field, a.value, a.mask, NXM, true));
    return;
  }
  // OFPVID_PRESENT, above an id's bits, is not for loads to set.
  let mask = bigintOf(a.mask) & ((1n << BigInt(a.field.bits)) - 1n);
  const value = bigintOf(a.value);
  while (mask !== 0n) {
    const { ofs, bits: run } = maskRange(mask);
    const bits = Math.min(run, 64);
    const ones = (1n << BigInt(bits)) - 1n;
    e.nicira(NX.NXAST_REG_LOAD, (w) =>
      writeHeader(w.u16((ofs << 6) | (bits - 1)), a.field).u64((value >> BigInt(ofs)) & ones),
    );
    mask &= ~(ones << BigInt(ofs));
  }
}
