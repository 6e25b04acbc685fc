// Everything that one deployment needs, in one resource group: nothing here holds a key that a person could carry away.

targetScope = 'resourceGroup'

@description('Stands at the beginning of every name.')
@minLength(3)
@maxLength(12)
param name string = 'footprint'

param location string = resourceGroup().location

@description('The serving sites of this deployment, such as eu; each connection belongs to one.')
@minLength(1)
param sites array

@description('Where browsers and webhooks reach it, without a slash at the end. Empty: under the app\'s own name.')
param publicUrl string = ''

@description('Further settings by their whole names: FOOTPRINT_MICROSOFT__CLIENT_ID, FOOTPRINT_OPERATORS__ISSUER and so on.')
param settings object = {}

@description('What infra.entra says of our applications; stands above `settings`.')
param applications object = {}

@description('Names of settings that are secrets. Their values go to the vault only.')
param secretSettings array = ['FOOTPRINT_OPERATORS__CLIENT_SECRET']

@description('Values of secret settings that are new; the others stay as they are in the vault.')
@secure()
param secrets object = {}

@description('A second database server in another zone takes over; it costs five times as much, or more.')
param zoneRedundant bool = false

@description('Who is woken up.')
param alertEmail string

@description('Instances that wait for browsers, so that an administrator\'s consent never meets a cold start.')
@minValue(0)
param alwaysReady int = 1

// Storage accounts and vaults have one name space for the whole world, and no room for more than 24 characters.
var unique = '${name}${take(uniqueString(resourceGroup().id), 8)}'
var url = empty(publicUrl) ? 'https://${unique}.azurewebsites.net' : publicUrl
var databaseUrl = 'postgresql+psycopg://${name}@${unique}.postgres.database.azure.com/footprint'

// Who the app is, towards Azure and (federated) towards its customers' tenants.
resource identity 'Microsoft.ManagedIdentity/userAssignedIdentities@2024-11-30' = {
  name: name
  location: location
}

module network 'modules/network.bicep' = {
  params: { name: name, location: location }
}

module telemetry 'modules/telemetry.bicep' = {
  params: { name: name, location: location, principalId: identity.properties.principalId }
}

module storage 'modules/storage.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: identity.properties.principalId
  }
}

module vault 'modules/vault.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    principalId: identity.properties.principalId
    workspaceId: telemetry.outputs.workspaceId
    secretSettings: filter(secretSettings, setting => contains(secrets, setting))
    secrets: secrets
  }
}

module database 'modules/database.bicep' = {
  params: {
    name: unique
    location: location
    networkId: network.outputs.networkId
    subnetId: network.outputs.endpointSubnetId
    principalId: identity.properties.principalId
    principalName: identity.name
    zoneRedundant: zoneRedundant
  }
}

module app 'modules/app.bicep' = {
  params: {
    name: unique
    location: location
    subnetId: network.outputs.appSubnetId
    identityId: identity.id
    clientId: identity.properties.clientId
    blobUrl: storage.outputs.blobUrl
    queueUrl: storage.outputs.queueUrl
    telemetry: telemetry.outputs.connectionString
    vaultName: unique
    keyUrl: vault.outputs.keyUrl
    databaseUrl: databaseUrl
    secretSettings: secretSettings
    settings: union({ FOOTPRINT_SITES: string(sites), FOOTPRINT_PUBLIC_URL: url }, settings, applications)
    alwaysReady: alwaysReady
  }
  dependsOn: [database]
}

module alerts 'modules/alerts.bicep' = {
  params: {
    name: name
    location: location
    email: alertEmail
    healthUrl: '${url}/api/health/ready'
    workspaceId: telemetry.outputs.workspaceId
    insightsId: telemetry.outputs.insightsId
    databaseId: database.outputs.id
  }
}

@description('The name of the app, the database server, the storage account and the vault.')
output name string = unique
output publicUrl string = url
@description('The subject of the federated credential at our application\'s registration.')
output identityPrincipalId string = identity.properties.principalId
output identityClientId string = identity.properties.clientId
